import { type Durability, type Store, StoreError, type StoreKey, TABLES, type TableName } from "./store.js";

export interface MemoryStoreOptions {
  /** What the store claims; with `sync` a commit takes a turn of the event loop, as a disk would. Default `none`. */
  readonly durability?: Durability;
}

/**
 * A store in memory: the reference for what a {@link Store} does, and a disk for tests.
 *
 * {@link crash} gives the store as a restarted process would find it: with the batches that were committed, and
 * without the one that was not.
 */
export class MemoryStore implements Store {
  readonly durability: Durability;
  readonly #tables: Map<TableName, OrderedTable>;
  /** What takes the open batch back, newest last. */
  #undo: UndoStep[] = [];
  #isClosed = false;

  constructor(options: MemoryStoreOptions = {}) {
    this.durability = options.durability ?? "none";
    this.#tables = new Map(TABLES.map((name) => [name, new OrderedTable()]));
  }

  get(table: TableName, key: StoreKey): Uint8Array | undefined {
    return this.#table(table).get(key);
  }

  put(table: TableName, key: StoreKey, value: Uint8Array): void {
    this.#set(table, key, value);
  }

  delete(table: TableName, key: StoreKey): void {
    this.#set(table, key, undefined);
  }

  range(table: TableName, prefix: StoreKey): Iterable<readonly [StoreKey, Uint8Array]> {
    return this.#table(table).range(prefix);
  }

  commit(): Promise<void> | undefined {
    const isEmpty = this.#undo.length === 0;
    this.#undo = [];
    return isEmpty || this.durability === "none" ? undefined : Promise.resolve();
  }

  async close(): Promise<void> {
    await this.commit();
    this.#isClosed = true;
  }

  /** The store as a process finds it that starts after a crash at this moment. This one goes on by itself. */
  crash(): MemoryStore {
    const restarted = new MemoryStore({ durability: this.durability });
    for (const name of TABLES) {
      for (const [key, value] of this.#readable(name).range([])) restarted.put(name, key, value);
    }
    for (const { name, key, before } of this.#undo.toReversed()) restarted.#readable(name).set(key, before);
    restarted.#undo = [];
    return restarted;
  }

  #set(name: TableName, key: StoreKey, value: Uint8Array | undefined): void {
    const table = this.#table(name);
    const before = table.get(key);
    table.set(key, value);
    this.#undo.push({ name, key, before });
  }

  #table(name: TableName): OrderedTable {
    if (this.#isClosed) throw new StoreError("the store is closed");
    return this.#readable(name);
  }

  #readable(name: TableName): OrderedTable {
    const table = this.#tables.get(name);
    if (table === undefined) throw new RangeError(`"${name}" is not a table`);
    return table;
  }
}

/** What a record was before a write of the open batch. */
interface UndoStep {
  readonly name: TableName;
  readonly key: StoreKey;
  readonly before: Uint8Array | undefined;
}

interface StoredRecord {
  readonly key: StoreKey;
  readonly value: Uint8Array;
}

/** Records by key; sorted when a range is read after a key was added. */
class OrderedTable {
  readonly #recordByText = new Map<string, StoredRecord>();
  #sorted: StoreKey[] | undefined;

  get(key: StoreKey): Uint8Array | undefined {
    return this.#recordByText.get(JSON.stringify(key))?.value;
  }

  set(key: StoreKey, value: Uint8Array | undefined): void {
    const text = JSON.stringify(key);
    if (value === undefined) this.#recordByText.delete(text);
    else {
      if (!this.#recordByText.has(text)) this.#sorted = undefined;
      this.#recordByText.set(text, { key, value });
    }
  }

  *range(prefix: StoreKey): Generator<readonly [StoreKey, Uint8Array], void, undefined> {
    this.#sorted ??= Array.from(this.#recordByText.values(), ({ key }) => key).sort(compareKeys);
    for (const key of this.#sorted) {
      if (!beginsWith(key, prefix)) continue;
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }
}

function beginsWith(key: StoreKey, prefix: StoreKey): boolean {
  return prefix.every((part, i) => key[i] === part);
}

function compareKeys(a: StoreKey, b: StoreKey): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareParts(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareParts(a: string | number | undefined, b: string | number | undefined): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return compareCodePoints(String(a), String(b));
}

/** The order of the UTF-8 bytes, which is that of the code points and not that of JavaScript's code units. */
function compareCodePoints(a: string, b: string): number {
  const left = Array.from(a, (each) => each.codePointAt(0) ?? 0);
  const right = Array.from(b, (each) => each.codePointAt(0) ?? 0);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = (left[i] ?? 0) - (right[i] ?? 0);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
