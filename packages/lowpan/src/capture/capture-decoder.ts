import { concatBytes } from "@isthmus/bytes";
import { WireError } from "../wire/wire-error.js";
import { PCAP_MAGICS, PcapDecoder } from "./pcap.js";
import { PCAPNG_SECTION_HEADER, PcapngDecoder } from "./pcapng.js";

/** One packet of a capture file. */
export interface CaptureRecord {
  /** Of the file's link types, the one of this record. */
  readonly linkType: number;
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint;
  readonly bytes: Uint8Array;
  /** Octets that were on the air; more than `bytes` has when the capture cut it. */
  readonly originalLength: number;
}

/** What decodes one of the formats: takes what it can from the beginning of `bytes`, tells how much that was. */
export interface CaptureFormat {
  take(bytes: Uint8Array, records: CaptureRecord[]): number;
}

/** Records and blocks beyond this many octets are refused, whatever the file says. Default of `maxRecordLength`. */
export const MAX_RECORD_LENGTH = 1 << 18;

/** Decodes a pcap or pcapng file as it comes in, in chunks of any size; the format is found out. */
export class CaptureDecoder {
  readonly #maxRecordLength: number;
  #format: CaptureFormat | undefined;
  #pending: Uint8Array = new Uint8Array(0);

  /** @param options `maxRecordLength`: octets of a record at most, 256 KiB by default. */
  constructor(options: { readonly maxRecordLength?: number } = {}) {
    this.#maxRecordLength = options.maxRecordLength ?? MAX_RECORD_LENGTH;
  }

  /** The records that `chunk` completes. @throws WireError `capture`: nothing more can be read then. */
  push(chunk: Uint8Array): CaptureRecord[] {
    const bytes = this.#pending.length === 0 ? chunk : concatBytes([this.#pending, chunk]);
    const records: CaptureRecord[] = [];
    if (bytes.length >= 4) this.#format ??= this.#detect(bytes);
    const taken = this.#format?.take(bytes, records) ?? 0;
    // A copy: the caller may reuse its chunk.
    this.#pending = bytes.slice(taken);
    return records;
  }

  /** Says that the file has ended. @throws WireError `truncated` when it ended within a record. */
  end(): void {
    if (this.#pending.length > 0) {
      throw new WireError("truncated", `the capture ends within a record, ${this.#pending.length} octets into it`);
    }
  }

  #detect(bytes: Uint8Array): CaptureFormat {
    const magic = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    if (magic === PCAPNG_SECTION_HEADER) return new PcapngDecoder(this.#maxRecordLength);
    const pcap = PCAP_MAGICS.get(magic);
    if (pcap === undefined) throw new WireError("capture", `0x${magic.toString(16)} does not begin a capture file`);
    return new PcapDecoder(pcap, this.#maxRecordLength);
  }
}

/** The records of a whole capture file. @throws WireError. */
export function decodeCapture(bytes: Uint8Array): CaptureRecord[] {
  const decoder = new CaptureDecoder();
  const records = decoder.push(bytes);
  decoder.end();
  return records;
}
