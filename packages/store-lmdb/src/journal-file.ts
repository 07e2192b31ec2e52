import { close, constants, fdatasync, fstatSync, openSync, write } from "node:fs";

/** A file that is written at positions of one's choice. Tests have one whose power can fail. */
export interface JournalFile {
  readonly sizeBytes: number;
  /** Writes all of `bytes`. They are safe then if the file is written through, else after the next {@link sync}. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A file of the disk.
 *
 * @param isWrittenThrough one call for writing and waiting for the disk: it saves a wake-up of a thread for each frame
 * @throws Error with a `code` when it cannot be opened.
 */
export function openJournalFile(path: string, isWrittenThrough: boolean): JournalFile {
  return new DiskFile(path, isWrittenThrough);
}

/** Undefined on Windows, which the types do not say. */
const WRITE_THROUGH: number | undefined = constants.O_DSYNC;

class DiskFile implements JournalFile {
  readonly #descriptor: number;
  readonly #mustSync: boolean;
  #sizeBytes: number;

  constructor(path: string, isWrittenThrough: boolean) {
    const flags = constants.O_RDWR | constants.O_CREAT | (isWrittenThrough ? (WRITE_THROUGH ?? 0) : 0);
    this.#descriptor = openSync(path, flags, 0o600);
    this.#mustSync = isWrittenThrough && WRITE_THROUGH === undefined;
    this.#sizeBytes = fstatSync(this.#descriptor).size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      written += await this.#writeSome(bytes.subarray(written), position + written);
    }
    if (this.#mustSync) await this.sync();
    this.#sizeBytes = Math.max(this.#sizeBytes, position + bytes.length);
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#descriptor, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      close(this.#descriptor, (error) => (error ? reject(error) : resolve()));
    });
  }

  #writeSome(bytes: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#descriptor, bytes, 0, bytes.length, position, (error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
  }
}
