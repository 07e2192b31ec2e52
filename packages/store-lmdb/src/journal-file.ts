import { close, constants, fdatasync, fstatSync, openSync, write } from "node:fs";

/** A file that is written at positions of one's choice. Tests have one whose power can fail. */
export interface JournalFile {
  readonly sizeBytes: number;
  /** Writes all of `bytes`; they are safe after the next {@link sync}. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A file of the disk. @throws Error with a `code` when it cannot be opened. */
export function openJournalFile(path: string): JournalFile {
  return new DiskFile(path);
}

class DiskFile implements JournalFile {
  readonly #descriptor: number;
  #sizeBytes: number;

  constructor(path: string) {
    this.#descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#sizeBytes = fstatSync(this.#descriptor).size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      written += await this.#writeSome(bytes.subarray(written), position + written);
    }
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
