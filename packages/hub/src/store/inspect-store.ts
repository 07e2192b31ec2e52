import { type Durability, TABLES, type TableName } from "@isthmus/exchange";
import { openExistingStore } from "./open-store.js";

export interface TableSummary {
  readonly name: TableName;
  readonly records: number;
  /** Bytes of all values. */
  readonly valueBytes: number;
}

/** What is in a store, and what it takes. */
export interface StoreSummary {
  /** Number of the form that its files have. */
  readonly format: number;
  /** That of the hub that wrote last; undefined when none has written. */
  readonly durability: Durability | undefined;
  /** Bytes of its files. */
  readonly sizeBytes: number;
  readonly tables: readonly TableSummary[];
}

/** Looks into the store in `directory`, which no hub may use meanwhile. @throws StoreError */
export async function inspectStore(directory: string): Promise<StoreSummary> {
  const store = await openExistingStore(directory);
  try {
    const { sizeBytes, lastDurability: durability } = store.describe();
    const tables = TABLES.map((name) => {
      let records = 0;
      let valueBytes = 0;
      for (const [, value] of store.range(name, [])) {
        records++;
        valueBytes += value.length;
      }
      return { name, records, valueBytes };
    });
    return { format: store.format, durability, sizeBytes, tables };
  } finally {
    await store.close();
  }
}
