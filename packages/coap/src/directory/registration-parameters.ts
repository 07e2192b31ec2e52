import { utf8Length } from "@isthmus/bytes";
import { Code } from "../codec/codes.js";
import { CoapError } from "../server/coap-error.js";
import type { UriQuery } from "../server/uri-query.js";

/** What a registrant says of itself in the query (RFC 9176 5). */
export interface RegistrationParameters {
  /** The name of the endpoint, unique within its sector. */
  readonly ep: string;
  /** The sector. */
  readonly d: string | undefined;
  /** The lifetime in seconds. */
  readonly lt: number | undefined;
  /** The base URI. */
  readonly base: string | undefined;
  /** Any others, as `et`; they become attributes of the endpoint. */
  readonly attributes: readonly (readonly [name: string, value: string])[];
}

/** What an update may change (RFC 9176 5.3.1). */
export type UpdateParameters = Omit<RegistrationParameters, "ep" | "d">;

/** Most bytes of `ep` and `d` (RFC 9176 5). */
const MAX_NAME_BYTES = 63;
const MAX_LIFETIME_S = 0xffff_ffff;
const ATTRIBUTE_NAME = /^[!#$&+\-.^_`|~0-9A-Za-z]+$/;
/** Attributes that the directory itself gives an endpoint's link. */
const RESERVED = new Set(["href", "rt", "anchor", "rel"]);

/** @throws CoapError with 4.00 for a parameter that is missing, malformed or too long. */
export function parseRegistration(query: UriQuery): RegistrationParameters {
  const ep = query.get("ep");
  if (ep === undefined || ep === "") throw bad("the endpoint name ep is missing");
  const d = query.get("d");
  checkName("ep", ep);
  if (d !== undefined) checkName("d", d);
  return { ep, d, ...parseShared(query) };
}

/** @throws CoapError with 4.00 for a parameter that is malformed, or names another endpoint. */
export function parseUpdate(query: UriQuery): UpdateParameters {
  if (query.has("ep") || query.has("d")) throw bad("the name of an endpoint cannot be changed");
  return parseShared(query);
}

function parseShared(query: UriQuery): UpdateParameters {
  const base = query.get("base");
  const attributes = [...query].filter(([name]) => !["ep", "d", "lt", "base"].includes(name));
  for (const [name] of attributes) {
    if (!ATTRIBUTE_NAME.test(name) || RESERVED.has(name)) throw bad(`"${name}" cannot be an attribute of an endpoint`);
  }
  return { lt: parseLifetime(query.get("lt")), base: base === undefined ? undefined : parseBase(base), attributes };
}

function checkName(parameter: string, value: string): void {
  // RFC 9176 5: at most 63 bytes, and no control characters.
  if (utf8Length(value) > MAX_NAME_BYTES) throw bad(`${parameter} is longer than ${MAX_NAME_BYTES} bytes`);
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(value)) throw bad(`${parameter} has a control character`);
}

function parseLifetime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const lifetime = Number(text);
  if (!/^[0-9]{1,10}$/.test(text) || lifetime < 1 || lifetime > MAX_LIFETIME_S) {
    throw bad(`the lifetime "${text}" is not from 1 to ${MAX_LIFETIME_S} seconds`);
  }
  return lifetime;
}

function parseBase(text: string): string {
  // RFC 9176 5: scheme and authority, to resolve against; no query or fragment, and no zone.
  const match = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#\s<>"]+)[^?#\s<>"]*$/.exec(text);
  if (match === null) throw bad(`the base "${text}" is not a URI with an authority`);
  if (/%25/.test(match[1] ?? "")) throw bad(`the base "${text}" has a zone`);
  return text;
}

function bad(message: string): CoapError {
  return new CoapError(Code.BAD_REQUEST, message);
}
