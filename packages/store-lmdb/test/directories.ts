import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** A directory of its own for each test, and what the disk would have after a crash. */
export class Directories {
  readonly #root = mkdtempSync(path.join(tmpdir(), "isthmus-store-"));
  #count = 0;

  /** One that is not there yet. */
  fresh(): string {
    this.#count++;
    return path.join(this.#root, String(this.#count));
  }

  /**
   * What a process that starts now finds if the one that has `directory` is gone. The copy is one moment's: this process
   * writes nothing meanwhile, and LMDB keeps what the pages that are copied first refer to until the commit after next.
   */
  crash(directory: string): string {
    const copy = this.fresh();
    // The locks are the process's own.
    cpSync(directory, copy, { recursive: true, filter: (source) => !/lock$|lock\.mdb/.test(source) });
    return copy;
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}
