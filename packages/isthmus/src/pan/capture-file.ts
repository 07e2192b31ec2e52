import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { encodePcapngHeader, encodePcapngRecord, LINK_TYPE } from "@isthmus/lowpan/capture";

/** A pcapng file of IEEE 802.15.4 frames with their check sequences. */
export class CaptureFile {
  readonly #file: WriteStream;

  constructor(path: string) {
    this.#file = createWriteStream(path);
    this.#file.write(encodePcapngHeader(LINK_TYPE.withFcs, "isthmus"));
  }

  write(psdu: Uint8Array, timestampNs: bigint): void {
    this.#file.write(encodePcapngRecord({ bytes: psdu, timestampNs, originalLength: psdu.length }));
  }

  async close(): Promise<void> {
    this.#file.end();
    await once(this.#file, "close");
  }
}
