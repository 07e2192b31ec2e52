import { GROUP_ORDER } from "../pairing/pairing-group.js";
import type { RandomBytes } from "../random.js";

/** 48 bytes reduced modulo r are within 2^-129 of uniform (as hash_to_field does, RFC 9380 5). */
const UNREDUCED_BYTES = 48;

/** Bytes of an encoded scalar, big-endian. */
export const SCALAR_BYTES = 32;

/** Takes uniform scalars from a stream of bytes. */
export type Coins = () => bigint;

/** Fresh scalars from a random source. */
export function randomCoins(random: RandomBytes): Coins {
  return () => toInteger(random(UNREDUCED_BYTES)) % GROUP_ORDER;
}

/** The same scalars for the same stream: `read` gives the next bytes of it. */
export function streamCoins(read: (length: number) => Uint8Array): Coins {
  return () => toInteger(read(UNREDUCED_BYTES)) % GROUP_ORDER;
}

export function scalarToBytes(scalar: bigint): Uint8Array {
  const bytes = new Uint8Array(SCALAR_BYTES);
  for (let i = SCALAR_BYTES - 1, left = scalar; i >= 0; i--, left >>= 8n) bytes[i] = Number(left & 0xffn);
  return bytes;
}

/** @throws RangeError unless `bytes` are the one encoding of a scalar from 0 to r - 1. */
export function scalarFromBytes(bytes: Uint8Array): bigint {
  const scalar = toInteger(bytes);
  if (bytes.length !== SCALAR_BYTES || scalar >= GROUP_ORDER) throw new RangeError("not a scalar of 32 bytes below r");
  return scalar;
}

function toInteger(bytes: Uint8Array): bigint {
  let integer = 0n;
  for (const byte of bytes) integer = (integer << 8n) | BigInt(byte);
  return integer;
}
