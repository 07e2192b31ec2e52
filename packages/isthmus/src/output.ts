/** Bytes gathered before they are written at once. */
const GATHER_LIMIT_BYTES = 64 * 1024;

/**
 * Writes to a stream what one turn of the event loop prints at once: one system call for a thousand messages, not a
 * thousand.
 */
export class Output {
  readonly #stream: NodeJS.WritableStream;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #isScheduled = false;
  #isFree = true;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  /** Whether {@link drained} has to wait. */
  get isCongested(): boolean {
    return !this.#isFree;
  }

  write(...parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      this.#parts.push(part);
      this.#bytes += part.length;
    }
    if (this.#bytes >= GATHER_LIMIT_BYTES) this.flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.flush();
      });
    }
  }

  flush(): void {
    if (this.#parts.length === 0) return;
    const gathered = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    this.#isFree = this.#stream.write(gathered);
  }

  /** Resolves when the stream takes more, or is gone. */
  async drained(): Promise<void> {
    if (this.#isFree) return;
    await new Promise<void>((resolve) => {
      this.#stream.once("drain", resolve);
      this.#stream.once("close", resolve);
      this.#stream.once("error", () => resolve());
    });
    this.#isFree = true;
  }
}
