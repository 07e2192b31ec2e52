import type { Durability, Store } from "@isthmus/exchange";

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
