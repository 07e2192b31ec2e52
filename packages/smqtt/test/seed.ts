import { SeededRandom } from "@isthmus/machine";
import type { RandomBytes } from "../src/random.js";

/** Each test file prints the seed that it ran with: `SEED=… vitest run` runs it again. */
export const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 0xffff_ffff));

export function seededBytes(from: number = seed): RandomBytes {
  const random = new SeededRandom(from);
  return (length) => random.bytes(length);
}
