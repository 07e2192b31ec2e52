import { Code } from "../codec/codes.js";
import { Option } from "../codec/option-definitions.js";
import type { OptionEntry } from "../codec/options.js";
import { parseCoapUri } from "../codec/uri.js";

/** What a {@link Reply} says beside its code and value. */
export interface ReplyFields {
  /** The entity-tag of the representation, 1 to 8 bytes (RFC 7252 5.10.6). */
  readonly etag?: Uint8Array;
  /** Seconds for which it is fresh. Default: that of the resource, or 60 (RFC 7252 5.10.5). */
  readonly maxAge?: number;
  /** Where a new resource is, as `/log/17` or `/log/17?level=2`: Location-Path and Location-Query. */
  readonly location?: string;
  /** Any other options. */
  readonly options?: readonly OptionEntry[];
  /** Whether a separate response or notification is Confirmable. Default: as the request came. */
  readonly isConfirmable?: boolean;
}

/** An answer with a code of its own: what handlers return when a plain value does not say enough. */
export class Reply {
  readonly code: number;
  readonly value: unknown;
  readonly fields: ReplyFields;

  constructor(code: number, value: unknown, fields: ReplyFields) {
    this.code = code;
    this.value = value;
    this.fields = fields;
  }
}

/**
 * An answer with any code, a value to be represented as the client likes, and options.
 *
 * @example
 * return reply(Code.CONTENT, reading, { maxAge: 5, etag });
 */
export function reply(code: number, value?: unknown, fields: ReplyFields = {}): Reply {
  return new Reply(code, value, fields);
}

/** 2.01 Created, perhaps at `location`. */
export function created(location?: string, fields: ReplyFields = {}): Reply {
  return new Reply(Code.CREATED, undefined, location === undefined ? fields : { ...fields, location });
}

/** 2.04 Changed, perhaps with what came of it. */
export function changed(value?: unknown, fields: ReplyFields = {}): Reply {
  return new Reply(Code.CHANGED, value, fields);
}

/** 2.02 Deleted. */
export function deleted(value?: unknown, fields: ReplyFields = {}): Reply {
  return new Reply(Code.DELETED, value, fields);
}

/** 2.05 Content, with an entity-tag, a time to live or other options. */
export function content(value: unknown, fields: ReplyFields = {}): Reply {
  return new Reply(Code.CONTENT, value, fields);
}

/** The options that say `location`. @throws CoapUriError when it is no path. */
export function locationOptions(location: string): OptionEntry[] {
  // Any authority does: only path and query are taken.
  const { path, query } = parseCoapUri(`coap://host${location}`);
  return [
    ...path.map((segment): OptionEntry => [Option.LOCATION_PATH, segment]),
    ...query.map((argument): OptionEntry => [Option.LOCATION_QUERY, argument]),
  ];
}
