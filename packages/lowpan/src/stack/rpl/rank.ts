/** The rank of who is not in a DODAG, or wants nobody to choose it (RFC 6550 17). */
export const INFINITE_RANK = 0xffff;

/** The integer part of a rank: what loops are told by (RFC 6550 3.5.1). */
export function dagRank(rank: number, minHopRankIncrease: number): number {
  return Math.floor(rank / minHopRankIncrease);
}

/** Where lollipop counters of RPL begin (RFC 6550 7.2). */
export const LOLLIPOP_INIT = 240;

const SEQUENCE_WINDOW = 16;

/** The counter after `value`: once straight from 128 to 255, then round 0 to 127. */
export function nextLollipop(value: number): number {
  return value < 128 ? (value + 1) & 0x7f : (value + 1) & 0xff;
}

/** Whether counter `a` is newer than `b` (RFC 6550 7.2). Those too far apart to tell count as newer. */
export function isLollipopNewer(a: number, b: number): boolean {
  if (a === b) return false;
  if (a > 127 && b <= 127) return 256 + b - a > SEQUENCE_WINDOW;
  if (b > 127 && a <= 127) return 256 + a - b <= SEQUENCE_WINDOW;
  if (a > 127) return Math.abs(a - b) > SEQUENCE_WINDOW || a > b;
  const ahead = (a - b) & 0x7f;
  return ahead <= SEQUENCE_WINDOW || 128 - ahead > SEQUENCE_WINDOW;
}
