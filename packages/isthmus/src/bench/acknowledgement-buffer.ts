import type { Socket } from "node:net";

const ACKNOWLEDGEMENT_SIZE = 4;

/** Writes one acknowledgement and returns the offset behind it, as the codec's `writePuback` does. */
type WriteAcknowledgement = (
  target: Uint8Array,
  offset: number,
  packetIdentifier: number,
  reasonCode: number,
) => number;

/** The acknowledgements that a chunk calls for, gathered for one write. */
export class AcknowledgementBuffer {
  #bytes = new Uint8Array(4096);
  #length = 0;

  append(write: WriteAcknowledgement, packetIdentifier: number): void {
    if (this.#length + ACKNOWLEDGEMENT_SIZE > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#length = write(this.#bytes, this.#length, packetIdentifier, 0);
  }

  /** Sends what was gathered; a copy, because the socket may keep it longer than until the next chunk. */
  flush(socket: Socket): void {
    if (this.#length === 0) return;
    socket.write(this.#bytes.slice(0, this.#length));
    this.#length = 0;
  }
}
