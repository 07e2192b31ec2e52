import path from "node:path";

export function tablesPath(directory: string): string {
  return path.join(directory, "tables.mdb");
}

export function journalPaths(directory: string): readonly [string, string] {
  return [path.join(directory, "journal-1"), path.join(directory, "journal-2")];
}

/** Whoever has this LMDB environment open has the directory to itself. */
export function lockPath(directory: string): string {
  return path.join(directory, "lock.mdb");
}

/** Is there while the store is closed and all is in the tables. */
export function closedMarkPath(directory: string): string {
  return path.join(directory, "closed.json");
}

/** Says what durability the last hub that wrote had. */
export function durabilityPath(directory: string): string {
  return path.join(directory, "durability.json");
}
