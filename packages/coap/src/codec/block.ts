/**
 * The value of a Block1 or Block2 option (RFC 7959 2.2).
 *
 *  |  block number (4, 12 or 20 bits)  |M|  SZX (3)  |
 */
export interface Block {
  /** Which block, counted in blocks of this size. */
  readonly number: number;
  /** Whether more follow. */
  readonly more: boolean;
  /** The size is `2 ** (szx + 4)`: 0 is 16 bytes, 6 is 1024; 7 is BERT, on reliable transports only (RFC 8323 6). */
  readonly szx: number;
}

/** The largest block number that 20 bits hold. */
export const MAX_BLOCK_NUMBER = 0xf_ffff;
/** SZX of the largest block, 1024 bytes. */
export const MAX_SZX = 6;
/** SZX 7: several blocks of 1024 bytes in one message (RFC 8323 6). */
export const BERT_SZX = 7;

/** The block that the uint value of an option says. */
export function decodeBlock(value: number): Block {
  return { number: value >>> 4, more: (value & 8) !== 0, szx: value & 7 };
}

/** The uint value for `block`. @throws RangeError when the number needs more than 20 bits, or SZX more than three. */
export function encodeBlock(block: Block): number {
  const { number, szx } = block;
  if (!Number.isInteger(number) || number < 0 || number > MAX_BLOCK_NUMBER) {
    throw new RangeError(`block number ${number} is not an integer from 0 to ${MAX_BLOCK_NUMBER}`);
  }
  if (!Number.isInteger(szx) || szx < 0 || szx > BERT_SZX) throw new RangeError(`SZX ${szx} is not from 0 to 7`);
  return ((number << 4) | (block.more ? 8 : 0) | szx) >>> 0;
}

/** Bytes of a block; BERT counts in blocks of 1024. */
export function blockSize(szx: number): number {
  return 16 << (szx > MAX_SZX ? MAX_SZX : szx);
}

/** SZX of the largest block of at most `size` bytes; 0 (16 bytes) is the least. */
export function szxForSize(size: number): number {
  if (size < 32) return 0;
  return Math.min(MAX_SZX, 27 - Math.clz32(size));
}

/** Byte offset of `block` in the body. */
export function blockOffset(block: Block): number {
  return block.number * blockSize(block.szx);
}
