import { existsSync, readdirSync } from "node:fs";
import { rename, rm, rmdir } from "node:fs/promises";
import { type Durability, type Store, StoreError } from "@isthmus/exchange";
import type { LmdbStore } from "@isthmus/store-lmdb";

export interface StoreOptions {
  /**
   * What an acknowledgement waits for. `sync` (the default): that the disk has the message, so that it survives the loss
   * of power. `interval`: that the system has it, so that it survives the end of the process; the disk follows within a
   * second. `none`: nothing.
   */
  readonly durability?: Durability | undefined;
}

/**
 * Opens the store of a hub in `directory`, which is made if there is none.
 *
 * @example
 * const hub = await createHub({ mqtt: { port: 1883 }, store: await openStore("/var/lib/isthmus") });
 *
 * @throws StoreError that says what to do: another hub has the directory, it cannot be written, the disk is full, the files
 *   are damaged or those of a newer version.
 */
export async function openStore(directory: string, options: StoreOptions = {}): Promise<Store> {
  // A native module: a hub that keeps everything in memory does without it.
  const { openLmdbStore } = await import("@isthmus/store-lmdb");
  return openLmdbStore(directory, options);
}

/**
 * Opens the store that is in `directory`, to look into it.
 *
 * @throws StoreError also when there is none.
 */
export async function openExistingStore(directory: string): Promise<LmdbStore> {
  const { hasLmdbStore, openLmdbStore } = await import("@isthmus/store-lmdb");
  if (!hasLmdbStore(directory)) {
    throw new StoreError(`there is no store in ${directory}: a hub that was told to keep its data there makes one`);
  }
  return openLmdbStore(directory);
}

/**
 * Makes a store in `directory`, which must be empty or missing, and has `fill` fill it: wholly, or there is none.
 *
 * @throws StoreError, and what `fill` throws.
 */
export async function makeStore<T>(directory: string, fill: (store: Store) => Promise<T>): Promise<T> {
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    throw new StoreError(`${directory} is not empty: name a directory that is, or one that is still to be made`);
  }
  const unfinished = `${directory}.unfinished-${process.pid}`;
  try {
    // All of it is on the disk when the store was closed.
    const store = await openStore(unfinished, { durability: "none" });
    const filled = await filledAndClosed(store, fill);
    if (existsSync(directory)) await rmdir(directory);
    await rename(unfinished, directory);
    return filled;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function filledAndClosed<T>(store: Store, fill: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await fill(store);
  } finally {
    await store.close();
  }
}
