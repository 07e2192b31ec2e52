export { type Durability, type Store, StoreError } from "@isthmus/exchange";
export { defaultDataDirectory } from "./default-directory.js";
export { ExportError, exportStore, importStore } from "./export-store.js";
export { makeStore, openExistingStore, openStore, type StoreOptions } from "./open-store.js";
export { inspectStore, type StoreSummary, type TableSummary } from "./inspect-store.js";
