import { BERT_SZX, type Block, blockOffset, blockSize, MAX_SZX } from "../codec/block.js";
import type { BlockLimit } from "./lower-layer.js";

/** One block of a body. */
export interface Slice {
  readonly block: Block;
  readonly payload: Uint8Array;
}

/**
 * The block of `body` that is asked for, or the first; smaller than asked for when `limit` says so, and then the first
 * of those that the asked one falls into (RFC 7959 2.4).
 *
 * @returns undefined when it lies beyond the body.
 */
export function sliceBlock(body: Uint8Array, requested: Block | undefined, limit: BlockLimit): Slice | undefined {
  const offset = requested === undefined ? 0 : blockOffset(requested);
  if (offset > 0 && offset >= body.length) return undefined;
  const szx = Math.min(requested?.szx ?? limit.szx, limit.szx);
  const size = szx === BERT_SZX ? wholeBlocks(limit.payloadBytes) : blockSize(szx);
  const payload = body.subarray(offset, offset + size);
  return { block: { number: offset / blockSize(szx), more: offset + size < body.length, szx }, payload };
}

/** BERT: as many blocks of 1024 bytes as fit (RFC 8323 6). */
function wholeBlocks(payloadBytes: number): number {
  const size = blockSize(MAX_SZX);
  return Math.max(size, payloadBytes - (payloadBytes % size));
}
