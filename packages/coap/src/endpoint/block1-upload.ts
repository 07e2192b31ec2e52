import { type Block, blockSize } from "../codec/block.js";
import { sliceBlock } from "./block-slice.js";
import type { BlockLimit } from "./lower-layer.js";

/** A request's body on its way to the server, block by block (RFC 7959 2.5): which block is next, and how large. */
export class Block1Upload {
  readonly #body: Uint8Array;
  readonly #limit: BlockLimit;
  #szx: number;
  #offset = 0;

  constructor(body: Uint8Array, limit: BlockLimit) {
    this.#body = body;
    this.#limit = limit;
    this.#szx = limit.szx;
  }

  get totalBytes(): number {
    return this.#body.length;
  }

  /** Bytes that the server has acknowledged. */
  get sentBytes(): number {
    return this.#offset;
  }

  /** The block to be sent, again if need be. */
  current(): { readonly block: Block; readonly payload: Uint8Array } {
    const requested: Block = { number: this.#offset / blockSize(this.#szx), more: false, szx: this.#szx };
    const slice = sliceBlock(this.#body, requested, { ...this.#limit, szx: this.#szx });
    // The offset is always within the body: `advance` stops at its last block.
    return slice ?? { block: requested, payload: this.#body.subarray(this.#offset) };
  }

  /** The block that the server's `acknowledged` refers to got through. @returns false when it was the last one. */
  advance(acknowledged: Block): boolean {
    const { block, payload } = this.current();
    if (!block.more) return false;
    this.#offset += payload.length;
    // RFC 7959 2.3, 2.5: a smaller size from the server is to be used from now on. Offsets stay aligned: what was
    // sent is whole blocks of the larger size.
    if (acknowledged.szx < this.#szx) this.#szx = acknowledged.szx;
    return true;
  }

  /** Starts over, with blocks of at most the given SZX. */
  restart(szx = this.#szx): void {
    this.#offset = 0;
    this.#szx = Math.min(this.#szx, szx);
  }
}
