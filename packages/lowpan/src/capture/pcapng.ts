import { concatBytes, encodeUtf8 } from "@isthmus/bytes";
import { WireError } from "../wire/wire-error.js";
import type { CaptureFormat, CaptureRecord } from "./capture-decoder.js";
import type { LinkType } from "./link-type.js";

/**
 * pcapng (draft-ietf-opsawg-pcapng): blocks, each with its length at both ends, padded to multiples of 4.
 *
 * ```text
 * +---------+-----------+--------------------+-----------+
 * | Type: 4 | Length: 4 | Body and options   | Length: 4 |
 * +---------+-----------+--------------------+-----------+
 * ```
 */
export const PCAPNG_SECTION_HEADER = 0x0a0d0d0a;
const BLOCK = { interfaceDescription: 1, simplePacket: 3, enhancedPacket: 6 } as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const BLOCK_OVERHEAD = 12;
const OPTION = { end: 0, comment: 1, interfaceName: 2, timestampResolution: 9, timestampOffset: 14 } as const;
const NS_PER_SECOND = 1_000_000_000n;

interface Interface {
  readonly linkType: number;
  readonly ticksPerSecond: bigint;
  readonly offsetSeconds: bigint;
}

/** Takes packets from enhanced and simple packet blocks; skips all other blocks. */
export class PcapngDecoder implements CaptureFormat {
  readonly #maxBlockLength: number;
  #isLittleEndian = true;
  #interfaces: Interface[] = [];

  constructor(maxBlockLength: number) {
    this.#maxBlockLength = maxBlockLength;
  }

  take(bytes: Uint8Array, records: CaptureRecord[]): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (bytes.length - at >= BLOCK_OVERHEAD) {
      // The section header's type reads the same both ways, so that the byte order behind it can be found out.
      if (view.getUint32(at, true) === PCAPNG_SECTION_HEADER) this.#beginSection(view, at);
      const length = view.getUint32(at + 4, this.#isLittleEndian);
      if (length < BLOCK_OVERHEAD || length % 4 !== 0 || length > this.#maxBlockLength) {
        throw new WireError("capture", `a block of ${length} octets`);
      }
      if (at + length > bytes.length) break;
      if (view.getUint32(at + length - 4, this.#isLittleEndian) !== length) {
        throw new WireError("capture", "the two lengths of a block differ");
      }
      const body = bytes.slice(at + 8, at + length - 4);
      const type = view.getUint32(at, this.#isLittleEndian);
      if (type === BLOCK.interfaceDescription) this.#interfaces.push(this.#readInterface(body));
      if (type === BLOCK.enhancedPacket) records.push(this.#readEnhanced(body));
      if (type === BLOCK.simplePacket) records.push(this.#readSimple(body));
      at += length;
    }
    return at;
  }

  #beginSection(view: DataView, at: number): void {
    this.#isLittleEndian = view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC;
    if (!this.#isLittleEndian && view.getUint32(at + 8, false) !== BYTE_ORDER_MAGIC) {
      throw new WireError("capture", "a section without byte-order magic");
    }
    this.#interfaces = [];
  }

  #readInterface(body: Uint8Array): Interface {
    requireBody(body, 8);
    const view = viewOf(body);
    let ticksPerSecond = 1_000_000n;
    let offsetSeconds = 0n;
    for (let at = 8; at + 4 <= body.length;) {
      const code = view.getUint16(at, this.#isLittleEndian);
      const length = view.getUint16(at + 2, this.#isLittleEndian);
      at += 4;
      if (code === OPTION.end || at + length > body.length) break;
      if (code === OPTION.timestampResolution && length === 1) ticksPerSecond = resolution(view.getUint8(at));
      if (code === OPTION.timestampOffset && length === 8) offsetSeconds = view.getBigInt64(at, this.#isLittleEndian);
      at += (length + 3) & ~3;
    }
    return { linkType: view.getUint16(0, this.#isLittleEndian), ticksPerSecond, offsetSeconds };
  }

  #readEnhanced(body: Uint8Array): CaptureRecord {
    requireBody(body, 20);
    const view = viewOf(body);
    const { linkType, ticksPerSecond, offsetSeconds } = this.#interface(view.getUint32(0, this.#isLittleEndian));
    const high = BigInt(view.getUint32(4, this.#isLittleEndian));
    const ticks = (high << 32n) | BigInt(view.getUint32(8, this.#isLittleEndian));
    const length = view.getUint32(12, this.#isLittleEndian);
    requireBody(body, 20 + length);
    return {
      linkType,
      timestampNs: offsetSeconds * NS_PER_SECOND + (ticks * NS_PER_SECOND) / ticksPerSecond,
      bytes: body.subarray(20, 20 + length),
      originalLength: view.getUint32(16, this.#isLittleEndian),
    };
  }

  #readSimple(body: Uint8Array): CaptureRecord {
    requireBody(body, 4);
    const originalLength = viewOf(body).getUint32(0, this.#isLittleEndian);
    const bytes = body.subarray(4, Math.min(body.length, 4 + originalLength));
    return { linkType: this.#interface(0).linkType, timestampNs: 0n, bytes, originalLength };
  }

  #interface(id: number): Interface {
    const found = this.#interfaces[id];
    if (found === undefined) throw new WireError("capture", `interface ${id} was not described`);
    return found;
  }
}

/** An octet of 7 bits: the negative power of 10, or of 2 with the upper bit set. */
function resolution(octet: number): bigint {
  return (octet & 0x80) === 0 ? 10n ** BigInt(octet) : 2n ** BigInt(octet & 0x7f);
}

/** The beginning of a pcapng file: a section, and one interface of this link type with a clock of nanoseconds. */
export function encodePcapngHeader(linkType: LinkType, interfaceName?: string): Uint8Array {
  const section = new Uint8Array(16);
  const sectionView = viewOf(section);
  sectionView.setUint32(0, BYTE_ORDER_MAGIC, true);
  sectionView.setUint16(4, 1, true);
  // The section's length is not known while it is written.
  sectionView.setBigInt64(8, -1n, true);
  const description = new Uint8Array(8);
  viewOf(description).setUint16(0, linkType, true);
  const options = [option(OPTION.timestampResolution, Uint8Array.of(9))];
  if (interfaceName !== undefined) options.unshift(option(OPTION.interfaceName, encodeUtf8(interfaceName)));
  return concatBytes([
    block(PCAPNG_SECTION_HEADER, [section]),
    block(BLOCK.interfaceDescription, [description, ...options, option(OPTION.end, new Uint8Array(0))]),
  ]);
}

/** One packet of a pcapng file that {@link encodePcapngHeader} began, with a comment if you like. */
export function encodePcapngRecord(record: Omit<CaptureRecord, "linkType">, comment?: string): Uint8Array {
  const { bytes, timestampNs, originalLength } = record;
  const head = new Uint8Array(20);
  const view = viewOf(head);
  view.setUint32(4, Number(timestampNs >> 32n), true);
  view.setUint32(8, Number(timestampNs & 0xffff_ffffn), true);
  view.setUint32(12, bytes.length, true);
  view.setUint32(16, originalLength, true);
  const options =
    comment === undefined ? [] : [option(OPTION.comment, encodeUtf8(comment)), option(OPTION.end, new Uint8Array(0))];
  return block(BLOCK.enhancedPacket, [head, padded(bytes), ...options]);
}

function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(parts);
  const length = body.length + BLOCK_OVERHEAD;
  const ends = new DataView(new ArrayBuffer(BLOCK_OVERHEAD));
  ends.setUint32(0, type, true);
  ends.setUint32(4, length, true);
  ends.setUint32(8, length, true);
  const octets = new Uint8Array(ends.buffer);
  return concatBytes([octets.subarray(0, 8), body, octets.subarray(8)]);
}

function option(code: number, value: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(code, 0, value.length & 0xff, value.length >>> 8), padded(value)]);
}

function padded(bytes: Uint8Array): Uint8Array {
  return concatBytes([bytes, new Uint8Array(-bytes.length & 3)]);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function requireBody(body: Uint8Array, length: number): void {
  if (body.length < length) throw new WireError("capture", `a block with ${body.length} octets needs ${length}`);
}
