export { hasLmdbStore } from "./describe-files.js";
export type { LmdbStore } from "./lmdb-store.js";
export { type LmdbStoreOptions, openLmdbStore } from "./open-lmdb-store.js";
