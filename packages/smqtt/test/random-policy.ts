import type { SeededRandom } from "@isthmus/machine";
import { allOf, anyOf, attributePolicy, type Policy } from "../src/abe/policy.js";

/** A random formula of up to `leaves` attributes drawn, with repetition, from `attributes`. */
export function randomPolicy(random: SeededRandom, attributes: readonly string[], leaves: number): Policy {
  if (leaves === 1) return attributePolicy(random.pick(attributes));
  const parts = splitInto(random, leaves, random.nextInteger(2, Math.min(4, leaves)));
  const children = parts.map((part) => randomPolicy(random, attributes, part));
  return random.chance(0.5) ? allOf(children) : anyOf(children);
}

/** `count` positive integers that add up to `total`. */
function splitInto(random: SeededRandom, total: number, count: number): number[] {
  const parts = Array.from({ length: count }, () => 1);
  for (let left = total - count; left > 0; left--) {
    const index = random.nextInteger(0, count - 1);
    parts[index] = (parts[index] ?? 0) + 1;
  }
  return parts;
}

export function randomSubset(random: SeededRandom, attributes: readonly string[]): Set<string> {
  const chance = random.nextFloat();
  return new Set(attributes.filter(() => random.chance(chance)));
}
