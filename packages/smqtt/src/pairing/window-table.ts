import { type FixedBase, GROUP_ORDER, SCALAR_BITS } from "./pairing-group.js";

/** The two operations that a window table needs of a group, written additively. */
export interface Addition<E> {
  readonly zero: E;
  add(a: E, b: E): E;
}

/**
 * Multiplication of one base by the fixed-window method: with w-bit windows, the table holds d·2^(wi)·base for every
 * window i and digit d, and a product is one addition per non-zero digit.
 *
 * @param windowBits w; the table has ⌈255/w⌉ rows of 2^w - 1 elements.
 */
export function windowTable<E>(group: Addition<E>, base: E, windowBits: number): FixedBase<E> {
  const rows: E[][] = [];
  let power = base;
  for (let bit = 0; bit < SCALAR_BITS; bit += windowBits) {
    const row = [power];
    for (let digit = 2; digit < 1 << windowBits; digit++) row.push(group.add(row[digit - 2] ?? group.zero, power));
    rows.push(row);
    power = group.add(row[row.length - 1] ?? group.zero, power);
  }
  const mask = (1n << BigInt(windowBits)) - 1n;
  const shift = BigInt(windowBits);

  return (scalar) => {
    checkScalar(scalar);
    let sum: E | undefined;
    let left = scalar;
    for (const row of rows) {
      const entry = row[Number(left & mask) - 1];
      left >>= shift;
      if (entry !== undefined) sum = sum === undefined ? entry : group.add(sum, entry);
    }
    return sum ?? group.zero;
  };
}

/** @throws RangeError unless 0 ≤ scalar < r. */
export function checkScalar(scalar: bigint): void {
  if (scalar < 0n || scalar >= GROUP_ORDER) throw new RangeError("a scalar is from 0 to r - 1");
}
