import { decodeCbor, encodeCbor, CborError } from "@isthmus/coap";
import { RequestRefusedError } from "../../requests/request-refusal.js";

/** application/core-pubsub+cbor: what draft-ietf-core-coap-pubsub asks IANA for. */
export const PUBSUB_FORMAT = 606;

/** The resource type of topics (draft-ietf-core-coap-pubsub 2.2.1). */
export const CONFIGURATION_TYPE = "core.ps.conf";
/** The resource type of their data. */
export const DATA_TYPE = "core.ps.data";

/** The parameters of a topic by their keys in CBOR (draft-ietf-core-coap-pubsub 5). */
const parameters = [
  { key: 0, name: "topic-name", type: "string", isFixed: true },
  { key: 1, name: "topic-data", type: "string", isFixed: true },
  { key: 2, name: "resource-type", type: "string", isFixed: true },
  { key: 3, name: "topic-content-format", type: "uint", isFixed: false },
  { key: 4, name: "topic-type", type: "string", isFixed: false },
  { key: 5, name: "expiration-date", type: "string", isFixed: false },
  { key: 6, name: "max-subscribers", type: "uint", isFixed: false },
  { key: 7, name: "observer-check", type: "uint", isFixed: false },
  { key: 8, name: "topic-history", type: "uint", isFixed: false },
  { key: 9, name: "initialize", type: "boolean", isFixed: false },
] as const;

/** The key of a list of parameters that are asked for. */
const CONF_FILTER = 10;

export type ParameterName = (typeof parameters)[number]["name"];

/** Parameters of a topic by name. */
export type TopicParameters = ReadonlyMap<ParameterName, string | number | boolean>;

/** @throws RequestRefusedError malformed for anything but a map of known parameters with values of their types. */
export function decodeParameters(payload: Uint8Array): TopicParameters {
  const values = new Map<ParameterName, string | number | boolean>();
  for (const [key, value] of decodeMap(payload)) {
    const { name, type } = parameterOf(key);
    values.set(name, checkValue(name, type, value));
  }
  return values;
}

/** The parameters as a CBOR map with integer keys. */
export function encodeParameters(values: TopicParameters): Uint8Array {
  const entries = parameters.flatMap(({ key, name }) => {
    const value = values.get(name);
    return value === undefined ? [] : [[key, value] as const];
  });
  return encodeCbor(new Map(entries));
}

/** The parameters that a conf-filter asks for, by key or by name. @throws RequestRefusedError malformed for any other. */
export function decodeConfFilter(payload: Uint8Array): readonly ParameterName[] {
  const [[key, value] = [], ...others] = [...decodeMap(payload)];
  const isFilter = key === CONF_FILTER || key === "conf-filter";
  if (!isFilter || others.length > 0 || !Array.isArray(value)) throw malformed("the request is a conf-filter alone");
  return value.map((each: unknown) => parameterOf(each).name);
}

/** @throws RequestRefusedError malformed when `changes` would change what is fixed when the topic is made. */
export function checkFixed(values: TopicParameters, changes: TopicParameters): void {
  for (const { name, isFixed } of parameters) {
    const value = changes.get(name);
    if (isFixed && value !== undefined && value !== values.get(name)) throw malformed(`${name} cannot be changed`);
  }
}

/** Bytes of a map of parameters: they are kept as long as the topic. The longest that makes sense has about a hundred. */
const MAX_MAP_BYTES = 4_096;

function decodeMap(payload: Uint8Array): ReadonlyMap<unknown, unknown> {
  if (payload.length > MAX_MAP_BYTES) {
    throw new RequestRefusedError("too-large", `the parameters of a topic take ${MAX_MAP_BYTES} bytes at the most`);
  }
  let value: unknown;
  try {
    value = decodeCbor(payload, { useMaps: true });
  } catch (cause) {
    if (!(cause instanceof CborError)) throw cause;
    throw new RequestRefusedError("malformed", "the payload is not CBOR", { cause });
  }
  if (value instanceof Map) return value;
  throw malformed("the payload is a map of parameters");
}

function parameterOf(key: unknown): (typeof parameters)[number] {
  const found = parameters.find((parameter) => parameter.key === key || parameter.name === key);
  if (found === undefined) throw malformed(`there is no parameter ${JSON.stringify(key)}`);
  return found;
}

function checkValue(name: ParameterName, type: string, value: unknown): string | number | boolean {
  if (type === "string" && typeof value === "string") return value;
  if (type === "boolean" && typeof value === "boolean") return value;
  if (type === "uint" && typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed(`${name} is a ${type}`);
}

function malformed(message: string): RequestRefusedError {
  return new RequestRefusedError("malformed", message);
}
