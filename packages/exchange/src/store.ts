/** What a store keeps, one ordered table each. */
export const TABLES = [
  "messages",
  "queues",
  "retained",
  "sessions",
  "subscriptions",
  "inbound",
  "wills",
  "history",
  "registrations",
] as const;

export type TableName = (typeof TABLES)[number];

/**
 * The key of a record: text, a number from 0 to 2^53 - 1, or some of them in a row.
 *
 * Keys of one table have one shape. They order by their parts: numbers by value, texts by their UTF-8 bytes. Texts are
 * well-formed, hold no U+0000, and may be longer than a store's own keys: 65,535 bytes and what goes with them.
 */
export type StoreKey = readonly (string | number)[];

/**
 * How safe something is once it was acknowledged: `sync` survives the machine's loss of power, `interval` may lose
 * what was written in the last moments, `none` lives as long as the process.
 */
export type Durability = "sync" | "interval" | "none";

/**
 * Where the exchange keeps what has to outlive it: ordered tables of bytes, written in atomic batches.
 *
 * Reads and writes are synchronous and writes are seen at once by reads; only their safety takes time. All writes
 * between two calls of {@link commit} form one batch, and a crash keeps all of a batch or nothing. That is what an
 * embedded B+tree does with one transaction for each turn of the event loop, and what a replicated log can do with one
 * record for each batch. No compare-and-swap, no reader state.
 */
export interface Store {
  readonly durability: Durability;

  /** @returns the value, which must not be changed. */
  get(table: TableName, key: StoreKey): Uint8Array | undefined;

  /** Sets the record; `value` must not be changed afterwards. @throws StoreError when it cannot be taken. */
  put(table: TableName, key: StoreKey, value: Uint8Array): void;

  /** Removes the record; nothing happens when there is none. */
  delete(table: TableName, key: StoreKey): void;

  /** All records whose keys begin with `prefix`, in the order of the keys. Writing while reading is allowed. */
  range(table: TableName, prefix: StoreKey): Iterable<readonly [key: StoreKey, value: Uint8Array]>;

  /**
   * Ends the batch.
   *
   * @returns undefined when nothing is to be waited for (no write since the last commit that was awaited, or a store
   *   without durability), else a promise that resolves once the batch and all before it are safe at the store's
   *   durability, and rejects with a StoreError when they cannot be.
   */
  commit(): Promise<void> | undefined;

  /** Commits what is left and releases all that is held. */
  close(): Promise<void>;
}

/** The store cannot do what it was asked: the disk is full, the file is damaged, the directory is read-only. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}
