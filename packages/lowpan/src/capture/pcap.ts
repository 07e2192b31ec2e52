import { WireError } from "../wire/wire-error.js";
import type { CaptureFormat, CaptureRecord } from "./capture-decoder.js";
import type { LinkType } from "./link-type.js";

/** Which byte order and which unit of time a pcap file has. */
export interface PcapVariant {
  readonly isLittleEndian: boolean;
  readonly nsPerTick: bigint;
}

/** Variants by the first four octets, read as little-endian. */
export const PCAP_MAGICS: ReadonlyMap<number, PcapVariant> = new Map([
  [0xa1b2c3d4, { isLittleEndian: true, nsPerTick: 1_000n }],
  [0xd4c3b2a1, { isLittleEndian: false, nsPerTick: 1_000n }],
  [0xa1b23c4d, { isLittleEndian: true, nsPerTick: 1n }],
  [0x4d3cb2a1, { isLittleEndian: false, nsPerTick: 1n }],
]);

const FILE_HEADER_LENGTH = 24;
const RECORD_HEADER_LENGTH = 16;
const NS_PER_SECOND = 1_000_000_000n;

/**
 * The classic capture format:
 *
 * ```text
 * file:   | Magic: 4 | Version: 2, 2 | Zone: 4 | Accuracy: 4 | Snapshot length: 4 | Link type: 4 |
 * record: | Seconds: 4 | Micro- or nanoseconds: 4 | Captured length: 4 | Original length: 4 | Bytes |
 * ```
 */
export class PcapDecoder implements CaptureFormat {
  readonly #variant: PcapVariant;
  readonly #maxRecordLength: number;
  #linkType: number | undefined;

  constructor(variant: PcapVariant, maxRecordLength: number) {
    this.#variant = variant;
    this.#maxRecordLength = maxRecordLength;
  }

  take(bytes: Uint8Array, records: CaptureRecord[]): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { isLittleEndian, nsPerTick } = this.#variant;
    let at = 0;
    if (this.#linkType === undefined) {
      if (bytes.length < FILE_HEADER_LENGTH) return 0;
      // The upper bits tell about a check sequence length, which these link types have in their own way.
      this.#linkType = view.getUint32(20, isLittleEndian) & 0xffff;
      at = FILE_HEADER_LENGTH;
    }
    while (bytes.length - at >= RECORD_HEADER_LENGTH) {
      const length = view.getUint32(at + 8, isLittleEndian);
      if (length > this.#maxRecordLength) throw new WireError("capture", `a record of ${length} octets`);
      const end = at + RECORD_HEADER_LENGTH + length;
      if (end > bytes.length) break;
      const seconds = BigInt(view.getUint32(at, isLittleEndian));
      const ticks = BigInt(view.getUint32(at + 4, isLittleEndian));
      records.push({
        linkType: this.#linkType,
        timestampNs: seconds * NS_PER_SECOND + ticks * nsPerTick,
        bytes: bytes.slice(at + RECORD_HEADER_LENGTH, end),
        originalLength: view.getUint32(at + 12, isLittleEndian),
      });
      at = end;
    }
    return at;
  }
}

/** What a written capture says that a packet of it may have at most. */
const SNAPSHOT_LENGTH = 0xffff;

/** The beginning of a pcap file, little-endian, in microseconds. */
export function encodePcapHeader(linkType: LinkType): Uint8Array {
  const view = new DataView(new ArrayBuffer(FILE_HEADER_LENGTH));
  view.setUint32(0, 0xa1b2c3d4, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, SNAPSHOT_LENGTH, true);
  view.setUint32(20, linkType, true);
  return new Uint8Array(view.buffer);
}

/** One record of a pcap file that {@link encodePcapHeader} began. */
export function encodePcapRecord(record: Omit<CaptureRecord, "linkType">): Uint8Array {
  const { bytes, timestampNs, originalLength } = record;
  const encoded = new Uint8Array(RECORD_HEADER_LENGTH + bytes.length);
  const view = new DataView(encoded.buffer);
  view.setUint32(0, Number(timestampNs / NS_PER_SECOND), true);
  view.setUint32(4, Number((timestampNs % NS_PER_SECOND) / 1_000n), true);
  view.setUint32(8, bytes.length, true);
  view.setUint32(12, originalLength, true);
  encoded.set(bytes, RECORD_HEADER_LENGTH);
  return encoded;
}
