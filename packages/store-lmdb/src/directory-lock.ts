import { StoreError } from "@isthmus/exchange";
import { open, type RootDatabase, type Transaction } from "lmdb";
import { lockPath } from "./paths.js";

/**
 * A directory that this store alone works in, until it is released or the process ends in whatever way.
 *
 * An LMDB environment of its own, without any data, says who is there: each process that reads it has an entry in its
 * table of readers and a lock on that, which the kernel takes back when the process is gone. So there is no stale lock
 * after a crash, and processes see each other from container to container.
 */
export class DirectoryLock {
  readonly #environment: RootDatabase;
  /** Nothing is ever written, so that a transaction without end holds nothing up. */
  readonly #reading: Transaction;

  /**
   * @throws StoreError when another store has the directory.
   * @throws Error of the system's, with its `code`, when it cannot be written.
   */
  constructor(directory: string) {
    this.#environment = open({ path: lockPath(directory), mapSize: 1024 * 1024, maxDbs: 1, overlappingSync: false });
    this.#reading = this.#startReading(directory);
    this.#environment.readerCheck();
    const holders = readerProcesses(this.#environment.readerList());
    if (holders.length <= 1) return;
    this.release();
    const other = holders.find((id) => id !== process.pid);
    throw inUse(directory, other === undefined ? "by this process" : `by process ${other}`);
  }

  release(): void {
    this.#reading.done();
    // There is nothing to wait for where nothing was written.
    void this.#environment.close();
  }

  #startReading(directory: string): Transaction {
    try {
      return this.#environment.useReadTransaction();
    } catch {
      // Somebody has the entry of our process identifier: a process of a container that counts its own.
      void this.#environment.close();
      throw inUse(directory, "in another container");
    }
  }
}

/** The list has a header, and a line for each reader: process, thread and transaction. */
function readerProcesses(list: string): number[] {
  return Array.from(list.matchAll(/^\s*(\d+)\s+[\da-f]+\s/gm), ([, id]) => Number(id));
}

function inUse(directory: string, where: string): StoreError {
  return new StoreError(`${directory} is in use ${where}: stop that hub, or choose another directory`);
}
