import { ByteReader, ByteWriter, decodeUtf8, encodeUtf8 } from "@isthmus/bytes";

/**
 * The CBOR (RFC 8949) that the envelope needs, in the one encoding of "core deterministic encoding" (4.2.1): shortest
 * heads, definite lengths, map keys in the order of their encodings. What is written otherwise is not read, so what
 * was signed or encrypted has no second form.
 *
 * Integers are JavaScript's safe ones; of the simple values there are `false`, `true` and `null`; there are no floats.
 */
export type CborValue = number | string | boolean | null | Uint8Array | readonly CborValue[] | CborMap | CborTag;

export type CborMap = ReadonlyMap<number | string, CborValue>;

/** A tagged item (RFC 8949 3.4). */
export interface CborTag {
  readonly tag: number;
  readonly value: CborValue;
}

/** The bytes are no CBOR, not the deterministic form of it, or beyond a limit. */
export class CborError extends Error {
  override readonly name = "CborError";
}

const UNSIGNED = 0;
const NEGATIVE = 1;
export const BYTE_STRING = 2;
const TEXT_STRING = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;
const SIMPLE = 7;
const FALSE = 20;
const TRUE = 21;
const NULL = 22;

/** @throws RangeError for a number that is no safe integer; Utf8Error for a lone surrogate. */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = new ByteWriter(128);
  writeValue(writer, value);
  return writer.view(); // nobody else holds the writer
}

function writeValue(writer: ByteWriter, value: CborValue): void {
  if (typeof value === "number") writeInteger(writer, value);
  else if (typeof value === "string") writeString(writer, TEXT_STRING, encodeUtf8(value));
  else if (typeof value === "boolean") writeHead(writer, SIMPLE, value ? TRUE : FALSE);
  else if (value === null) writeHead(writer, SIMPLE, NULL);
  else if (value instanceof Uint8Array) writeString(writer, BYTE_STRING, value);
  else if (value instanceof Map) writeMap(writer, value as CborMap); // the only Map in the union
  else if ("tag" in value) {
    writeHead(writer, TAG, value.tag);
    writeValue(writer, value.value);
  } else {
    const items = value as readonly CborValue[]; // the one member left: instanceof Map does not narrow a ReadonlyMap
    writeHead(writer, ARRAY, items.length);
    for (const item of items) writeValue(writer, item);
  }
}

function writeInteger(writer: ByteWriter, value: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no safe integer`);
  if (value >= 0) writeHead(writer, UNSIGNED, value);
  else writeHead(writer, NEGATIVE, -1 - value);
}

function writeString(writer: ByteWriter, major: number, bytes: Uint8Array): void {
  writeHead(writer, major, bytes.length);
  writer.append(bytes);
}

function writeMap(writer: ByteWriter, map: CborMap): void {
  writeHead(writer, MAP, map.size);
  const entries = [...map].map(([key, value]) => ({ key: encodeCbor(key), value }));
  for (const { key, value } of entries.sort((a, b) => compareBytes(a.key, b.key))) {
    writer.append(key);
    writeValue(writer, value);
  }
}

/** A major type and its argument, in as few bytes as it takes. */
export function writeHead(writer: ByteWriter, major: number, argument: number): void {
  const type = major << 5;
  if (argument < 24) writer.uint8(type | argument);
  else if (argument <= 0xff) writer.uint8(type | 24).uint8(argument);
  else if (argument <= 0xffff) writer.uint8(type | 25).uint16(argument);
  else if (argument <= 0xffff_ffff) writer.uint8(type | 26).uint32(argument);
  else
    writer
      .uint8(type | 27)
      .uint32(Math.floor(argument / 0x1_0000_0000))
      .uint32(argument % 0x1_0000_0000);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Bounds on what is decoded; nothing is allocated beyond what the bytes themselves hold. */
export interface CborLimits {
  /** Arrays, maps and tags inside one another. Default 8. */
  readonly depth?: number;
  /** Items in all. Default 4,096. */
  readonly items?: number;
}

/**
 * The one item that `bytes` are.
 *
 * @throws CborError for all that is not deterministic CBOR of the subset, has bytes behind it or passes a limit.
 */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits = {}): CborValue {
  const decoder = new CborDecoder(bytes, limits);
  try {
    return decoder.decode();
  } catch (cause) {
    if (cause instanceof CborError) throw cause;
    throw new CborError("cut short or not well-formed", { cause }); // ShortReadError, Utf8Error
  }
}

class CborDecoder {
  readonly #reader: ByteReader;
  readonly #maxDepth: number;
  #itemsLeft: number;

  constructor(bytes: Uint8Array, { depth = 8, items = 4096 }: CborLimits) {
    // A plain array in place of a Buffer: what is cut from it later is no Buffer either, whose slice() is no copy.
    this.#reader = new ByteReader(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    this.#maxDepth = depth;
    this.#itemsLeft = items;
  }

  decode(): CborValue {
    const value = this.#value(0);
    if (this.#reader.remaining !== 0) throw new CborError(`${this.#reader.remaining} bytes after the item`);
    return value;
  }

  #value(depth: number): CborValue {
    if (--this.#itemsLeft < 0) throw new CborError("too many items");
    if (depth > this.#maxDepth) throw new CborError(`deeper than ${this.#maxDepth}`);
    const initial = this.#reader.uint8();
    const major = initial >> 5;
    const argument = this.#argument(initial & 0x1f);
    switch (major) {
      case UNSIGNED:
        return argument;
      case NEGATIVE:
        return -1 - argument;
      case BYTE_STRING:
        return this.#reader.take(argument);
      case TEXT_STRING:
        return decodeUtf8(this.#reader.take(argument));
      case ARRAY:
        return this.#array(argument, depth);
      case MAP:
        return this.#map(argument, depth);
      case TAG:
        return { tag: argument, value: this.#value(depth + 1) };
      default:
        return simpleValue(argument);
    }
  }

  #argument(info: number): number {
    if (info < 24) return info;
    const [value, least] = this.#longArgument(info);
    if (value < least) throw new CborError(`${value} in more bytes than it takes`);
    if (!Number.isSafeInteger(value)) throw new CborError("an integer beyond 2^53");
    return value;
  }

  #longArgument(info: number): readonly [value: number, least: number] {
    if (info === 24) return [this.#reader.uint8(), 24];
    if (info === 25) return [this.#reader.uint16(), 0x100];
    if (info === 26) return [this.#reader.uint32(), 0x1_0000];
    if (info === 27) return [this.#reader.uint32() * 0x1_0000_0000 + this.#reader.uint32(), 0x1_0000_0000];
    throw new CborError("an indefinite length or a reserved head");
  }

  #array(length: number, depth: number): CborValue[] {
    const items: CborValue[] = [];
    for (let i = 0; i < length; i++) items.push(this.#value(depth + 1));
    return items;
  }

  #map(size: number, depth: number): CborMap {
    const map = new Map<number | string, CborValue>();
    let previous: Uint8Array | undefined;
    for (let i = 0; i < size; i++) {
      const start = this.#reader.offset;
      const key = this.#value(depth + 1);
      if (typeof key !== "number" && typeof key !== "string")
        throw new CborError("a map key that is no integer or text");
      const encoded = this.#reader.bytes.subarray(start, this.#reader.offset);
      if (previous !== undefined && compareBytes(previous, encoded) >= 0) throw new CborError("map keys out of order");
      previous = encoded;
      map.set(key, this.#value(depth + 1));
    }
    return map;
  }
}

function simpleValue(argument: number): CborValue {
  if (argument === FALSE || argument === TRUE) return argument === TRUE;
  if (argument === NULL) return null;
  throw new CborError(`simple value or float ${argument}`);
}

/** The byte string that `value` is. @throws CborError when it is something else, or not `length` long. */
export function asBytes(value: CborValue | undefined, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new CborError("not a byte string");
  if (length !== undefined && value.length !== length) throw new CborError(`${value.length} bytes, not ${length}`);
  return value;
}

/** @throws CborError unless `value` is text. */
export function asText(value: CborValue | undefined): string {
  if (typeof value !== "string") throw new CborError("not a text string");
  return value;
}

/** @throws CborError unless `value` is an integer from 0. */
export function asUnsigned(value: CborValue | undefined): number {
  if (typeof value !== "number" || value < 0) throw new CborError("not an unsigned integer");
  return value;
}

/** @throws CborError unless `value` is an array, of `length` items when that is given. */
export function asArray(value: CborValue | undefined, length?: number): readonly CborValue[] {
  if (!Array.isArray(value)) throw new CborError("not an array");
  const items = value as readonly CborValue[]; // Array.isArray gives any[]
  if (length !== undefined && items.length !== length) throw new CborError(`${items.length} items, not ${length}`);
  return items;
}

/** @throws CborError unless `value` is a map. */
export function asMap(value: CborValue | undefined): CborMap {
  if (!(value instanceof Map)) throw new CborError("not a map");
  return value as CborMap; // the only Map in the union
}
