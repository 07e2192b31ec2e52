import type { Durability } from "@isthmus/exchange";
import type { FrameHeader } from "./frame.js";
import type { JournalFile } from "./journal-file.js";

export interface JournalOptions {
  readonly durability: Durability;
  readonly epoch: string;
  /** A file of this size is full, and the other one is used. */
  readonly segmentBytes: number;
  /** How long what was written may wait for the disk when the durability is `interval`. */
  readonly intervalMs: number;
  /** Brings the tables up to date: resolves when all frames up to `sequence` are in them, safe on the disk. */
  readonly bringUpToDate: (sequence: number) => Promise<void>;
  /** Something went wrong while nobody waited for it. */
  readonly handleFailure: (error: unknown) => void;
}

/** Files grow to twice their size, and by this at least: writing over what a file has is twice as fast as making it longer. */
const LEAST_BYTES = 1024 * 1024;
/** A file may grow to this many times its size while the tables are behind; then writers wait. */
const MOST_SEGMENTS = 4;

/**
 * What was written since the tables were last brought up to date, in two files by turns: while one is carried over into
 * the tables, the other one is written. One write at a time, so that only the last frame can be a torn one.
 */
export class Journal {
  readonly #files: readonly [JournalFile, JournalFile];
  readonly #options: JournalOptions;
  #current: 0 | 1 = 0;
  #position = 0;
  #sequence = 0;
  #storedSequence = 0;
  /** Undefined when the other file is free. */
  #bringingUpToDate: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(files: readonly [JournalFile, JournalFile], options: JournalOptions) {
    this.#files = files;
    this.#options = options;
  }

  /** The sequence of the last frame; 0 when none was written since the start. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Writes the frame that `seal` makes; resolves once it is safe at the durability. To be called again only then. */
  async append(seal: (header: FrameHeader) => Uint8Array): Promise<void> {
    if (this.#position >= this.#options.segmentBytes) await this.#changeFiles();
    const { durability, epoch } = this.#options;
    const sequence = this.#sequence + 1;
    const frame = seal({ epoch, sequence, storedSequence: this.#storedSequence });
    await this.#write(frame);
    this.#position += frame.length;
    this.#sequence = sequence;
    // The files of a journal whose durability is `sync` are written through.
    if (durability === "sync") this.#storedSequence = sequence;
    else if (durability === "interval") this.#armTimer();
  }

  /** Waits for what is under way and releases the files. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#bringingUpToDate;
    await Promise.all(this.#files.map((file) => file.close()));
  }

  async #write(frame: Uint8Array): Promise<void> {
    const file = this.#files[this.#current];
    const end = this.#position + frame.length;
    const { sizeBytes } = file;
    await file.write(frame, this.#position);
    if (end <= sizeBytes) return;
    const doubled = Math.min(2 * sizeBytes, this.#options.segmentBytes);
    const grown = Math.max(doubled, Math.ceil(end / LEAST_BYTES) * LEAST_BYTES);
    if (grown > end) await file.write(new Uint8Array(grown - end), end);
  }

  async #sync(): Promise<void> {
    const sequence = this.#sequence;
    await this.#files[this.#current].sync();
    this.#storedSequence = Math.max(this.#storedSequence, sequence);
  }

  /** Goes over to the other file, unless it is still needed. */
  async #changeFiles(): Promise<void> {
    if (this.#bringingUpToDate !== undefined) {
      if (this.#position < MOST_SEGMENTS * this.#options.segmentBytes) return;
      await this.#bringingUpToDate;
    }
    if (this.#options.durability === "interval") await this.#sync();
    this.#current = this.#current === 0 ? 1 : 0;
    this.#position = 0;
    this.#bringingUpToDate = this.#options.bringUpToDate(this.#sequence).then(
      () => (this.#bringingUpToDate = undefined),
      // Whoever waits goes on, and meets the failure that was reported.
      (error: unknown) => this.#options.handleFailure(error),
    );
  }

  #armTimer(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#sync().catch((error: unknown) => this.#options.handleFailure(error));
    }, this.#options.intervalMs).unref();
  }
}
