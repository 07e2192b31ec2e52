import { byteAt } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";

/**
 * A header information element (IEEE 802.15.4-2015 7.4.2), least significant bit first:
 *
 * ```text
 *   0 ... 6     7 ... 14     15
 * +-----------+------------+----------+----------------+
 * | Length    | Element ID | Type = 0 | Content        |
 * +-----------+------------+----------+----------------+
 * ```
 */
export interface HeaderIe {
  readonly elementId: number;
  readonly content: Uint8Array;
}

/**
 * A payload information element (IEEE 802.15.4-2015 7.4.3), least significant bit first:
 *
 * ```text
 *   0 ... 10    11 ... 14    15
 * +-----------+------------+----------+----------------+
 * | Length    | Group ID   | Type = 1 | Content        |
 * +-----------+------------+----------+----------------+
 * ```
 */
export interface PayloadIe {
  readonly groupId: number;
  readonly content: Uint8Array;
}

/** Header Termination 1: payload elements follow. */
const HEADER_TERMINATION_1 = 0x7e;
/** Header Termination 2: the payload follows. */
const HEADER_TERMINATION_2 = 0x7f;
const PAYLOAD_TERMINATION = 0xf;
const MAX_HEADER_CONTENT = 0x7f;
const MAX_PAYLOAD_CONTENT = 0x7ff;

/** Header elements, where they end, and whether payload elements follow. */
export interface HeaderIeList {
  readonly elements: readonly HeaderIe[];
  readonly hasPayloadIes: boolean;
  readonly end: number;
}

/** The header elements from `at` up to their termination or the end of the frame. @throws WireError. */
export function decodeHeaderIes(bytes: Uint8Array, at: number, end: number): HeaderIeList {
  const elements: HeaderIe[] = [];
  while (at < end) {
    requireBytes(at, 2, end, "a header information element");
    const descriptor = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8);
    if ((descriptor & 0x8000) !== 0) {
      throw new WireError("information-element", "a payload element stands among the header elements");
    }
    at += 2;
    const length = descriptor & MAX_HEADER_CONTENT;
    const elementId = (descriptor >>> 7) & 0xff;
    requireBytes(at, length, end, `header information element 0x${elementId.toString(16)}`);
    if (elementId === HEADER_TERMINATION_1 || elementId === HEADER_TERMINATION_2) {
      if (length !== 0) throw new WireError("information-element", "a termination element has content");
      return { elements, hasPayloadIes: elementId === HEADER_TERMINATION_1, end: at };
    }
    elements.push({ elementId, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return { elements, hasPayloadIes: false, end: at };
}

/** Payload elements and where they end. */
export interface PayloadIeList {
  readonly elements: readonly PayloadIe[];
  readonly end: number;
}

/** The payload elements from `at` up to their termination or the end of the frame. @throws WireError. */
export function decodePayloadIes(bytes: Uint8Array, at = 0, end = bytes.length): PayloadIeList {
  const elements: PayloadIe[] = [];
  while (at < end) {
    requireBytes(at, 2, end, "a payload information element");
    const descriptor = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8);
    if ((descriptor & 0x8000) === 0) {
      throw new WireError("information-element", "a header element stands among the payload elements");
    }
    at += 2;
    const length = descriptor & MAX_PAYLOAD_CONTENT;
    const groupId = (descriptor >>> 11) & 0xf;
    requireBytes(at, length, end, `payload information element ${groupId}`);
    if (groupId === PAYLOAD_TERMINATION) {
      if (length !== 0) throw new WireError("information-element", "a termination element has content");
      return { elements, end: at };
    }
    elements.push({ groupId, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return { elements, end: at };
}

/** Octets that {@link encodeHeaderIes} writes. */
export function headerIesLength(elements: readonly HeaderIe[], hasPayloadIes: boolean, hasPayload: boolean): number {
  let length = hasPayloadIes || hasPayload ? 2 : 0;
  for (const { content } of elements) length += 2 + content.length;
  return length;
}

/**
 * Writes header elements and, when something follows them, the termination that says what; returns where they end.
 *
 * @throws RangeError when an element cannot be expressed.
 */
export function encodeHeaderIes(
  elements: readonly HeaderIe[],
  hasPayloadIes: boolean,
  hasPayload: boolean,
  out: Uint8Array,
  at: number,
): number {
  for (const { elementId, content } of elements) {
    if (elementId > 0xff || elementId === HEADER_TERMINATION_1 || elementId === HEADER_TERMINATION_2) {
      throw new RangeError(`${elementId} is not the identifier of a header element`);
    }
    if (content.length > MAX_HEADER_CONTENT)
      throw new RangeError(`${content.length} octets do not fit a header element`);
    at = writeLittleEndian16(out, at, content.length | (elementId << 7));
    out.set(content, at);
    at += content.length;
  }
  if (hasPayloadIes) return writeLittleEndian16(out, at, HEADER_TERMINATION_1 << 7);
  return hasPayload ? writeLittleEndian16(out, at, HEADER_TERMINATION_2 << 7) : at;
}

/**
 * The octets of payload elements, closed by a termination when `isFollowed` by payload.
 *
 * @throws RangeError when an element cannot be expressed.
 */
export function encodePayloadIes(elements: readonly PayloadIe[], isFollowed: boolean): Uint8Array {
  let length = isFollowed ? 2 : 0;
  for (const { content } of elements) length += 2 + content.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const { groupId, content } of elements) {
    if (groupId < 0 || groupId >= PAYLOAD_TERMINATION)
      throw new RangeError(`${groupId} is not the group of a payload element`);
    if (content.length > MAX_PAYLOAD_CONTENT)
      throw new RangeError(`${content.length} octets do not fit a payload element`);
    at = writeLittleEndian16(out, at, content.length | (groupId << 11) | 0x8000);
    out.set(content, at);
    at += content.length;
  }
  if (isFollowed) writeLittleEndian16(out, at, (PAYLOAD_TERMINATION << 11) | 0x8000);
  return out;
}

function writeLittleEndian16(out: Uint8Array, at: number, value: number): number {
  out[at] = value;
  out[at + 1] = value >>> 8;
  return at + 2;
}
