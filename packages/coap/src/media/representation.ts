import { Format } from "./media-codec.js";
import type { Link } from "./link-format.js";
import type { SenmlRecord } from "./senml.js";

/**
 * A value and the Content-Formats that it may be sent in, the preferred first.
 *
 * Handlers that return a plain value leave the choice to {@link formatsOf}.
 */
export class Representation {
  readonly value: unknown;
  readonly formats: readonly number[];

  /** @throws RangeError when no format is given. */
  constructor(value: unknown, formats: readonly number[]) {
    if (formats.length === 0) throw new RangeError("a representation needs a Content-Format");
    this.value = value;
    this.formats = formats;
  }
}

/** `value` in one of these Content-Formats, the preferred first. */
export function representation(value: unknown, ...formats: readonly number[]): Representation {
  return new Representation(value, formats);
}

/** A SenML pack, in JSON, CBOR or XML as the client likes (RFC 8428). */
export function senml(records: readonly SenmlRecord[]): Representation {
  return new Representation(records, [Format.SENML_JSON, Format.SENML_CBOR, Format.SENML_XML]);
}

/** Links in the CoRE Link Format (RFC 6690). */
export function links(items: readonly Link[]): Representation {
  return new Representation(items, [Format.LINKS]);
}

const NOTHING = [] as const;
const BYTES = [Format.OCTETS] as const;
const SCALAR = [Format.TEXT, Format.JSON, Format.CBOR, Format.XML] as const;
const STRUCTURE = [Format.JSON, Format.CBOR, Format.XML] as const;

/**
 * The Content-Formats of a plain value, the preferred first: bytes as such; text, numbers and booleans as text, JSON,
 * CBOR or XML; anything else as JSON, CBOR or XML.
 */
export function formatsOf(value: unknown): readonly number[] {
  if (value instanceof Uint8Array) return BYTES;
  if (value === undefined || typeof value === "function" || typeof value === "symbol") return NOTHING;
  return typeof value === "object" ? STRUCTURE : SCALAR;
}
