import { existsSync, readFileSync, statSync } from "node:fs";
import type { Durability } from "@isthmus/exchange";
import { durabilityPath, journalPaths, tablesPath } from "./paths.js";

const DURABILITIES: readonly Durability[] = ["sync", "interval", "none"];

/** What the files in `directory` take, and what the hub that wrote last said of its durability. */
export function describeFiles(directory: string): {
  readonly sizeBytes: number;
  readonly lastDurability: Durability | undefined;
} {
  const files = [tablesPath(directory), ...journalPaths(directory)].filter((file) => existsSync(file));
  const sizeBytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  return { sizeBytes, lastDurability: readDurability(durabilityPath(directory)) };
}

/** Whether a store was ever opened in `directory`. */
export function hasLmdbStore(directory: string): boolean {
  return [tablesPath(directory), ...journalPaths(directory)].some((file) => existsSync(file));
}

function readDurability(file: string): Durability | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, "utf8");
  return DURABILITIES.find((each) => JSON.stringify(each) === text);
}
