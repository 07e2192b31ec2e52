export { defaultDataDirectory } from "./default-directory.js";
export { openStore, type StoreOptions } from "./open-store.js";
