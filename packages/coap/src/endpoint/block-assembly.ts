import type { Instant } from "@isthmus/machine";
import { type Block, blockOffset, blockSize, BERT_SZX } from "../codec/block.js";

/** What became of a block that was put in. */
export type AssemblyStep =
  /** More are expected. */
  | { readonly type: "continue" }
  /** It was the last: this is the whole. */
  | { readonly type: "complete"; readonly body: Uint8Array }
  /** It does not follow what there is (4.08). */
  | { readonly type: "incomplete" }
  /** It is not the last and not of the size that it says (4.00). */
  | { readonly type: "malformed" }
  /** The whole would be larger than `maxBytes` (4.13). */
  | { readonly type: "too-large"; readonly maxBytes: number };

const INITIAL_BYTES = 2_048;

/** A body that grows block by block, in order. */
export class BodyBuffer {
  #bytes: Uint8Array;
  #length = 0;

  constructor() {
    this.#bytes = new Uint8Array(INITIAL_BYTES);
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes that it takes. */
  get capacity(): number {
    return this.#bytes.length;
  }

  append(payload: Uint8Array): void {
    const length = this.#length + payload.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(payload, this.#length);
    this.#length = length;
  }

  /** What was put in, as a view; nothing is appended afterwards. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Puts `payload` into `buffer` as the block that `block` says, or says why not (RFC 7959 2.2, 2.3). */
export function appendBlock(buffer: BodyBuffer, block: Block, payload: Uint8Array, maxBytes: number): AssemblyStep {
  const offset = blockOffset(block);
  if (!hasBlockLength(block, payload.length)) return { type: "malformed" };
  // A block sent again under another message id, its answer having been lost: it is there already.
  if (block.more && offset + payload.length === buffer.length && payload.length > 0) return { type: "continue" };
  if (offset !== buffer.length) return { type: "incomplete" };
  if (offset + payload.length > maxBytes) return { type: "too-large", maxBytes };
  buffer.append(payload);
  return block.more ? { type: "continue" } : { type: "complete", body: buffer.view() };
}

/** RFC 7959 2.2: all but the last have exactly the size; with BERT (RFC 8323 6) a multiple of 1024. */
export function hasBlockLength(block: Block, length: number): boolean {
  const size = blockSize(block.szx);
  if (block.szx === BERT_SZX) return block.more ? length > 0 && length % size === 0 : true;
  return block.more ? length === size : length <= size;
}

interface Assembly {
  readonly buffer: BodyBuffer;
  readonly expiresAt: Instant;
}

/** Bounds of an {@link AssemblyTable}. */
export interface AssemblyLimits {
  /** Most bytes of one body. */
  readonly maxBodyBytes: number;
  /** Most bytes of all bodies that are being put together; beyond it the one unused for longest is dropped. */
  readonly maxTotalBytes: number;
  /** How long a body waits for its next block. */
  readonly lifetimeMs: number;
}

/** The request bodies that are being put together, by operation (RFC 7959 2.5). */
export class AssemblyTable {
  readonly #limits: AssemblyLimits;
  /** In the order of use: what was put in last is the last. */
  readonly #assemblyByOperation = new Map<string, Assembly>();
  #totalBytes = 0;

  constructor(limits: AssemblyLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#assemblyByOperation.size;
  }

  /** Bytes that the bodies take. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Puts a block of the operation in. Block 0 starts anew (RFC 7959 2.5: overwriting what there was). */
  put(now: Instant, operation: string, block: Block, payload: Uint8Array): AssemblyStep {
    this.#sweep(now);
    const known = block.number === 0 ? undefined : this.#assemblyByOperation.get(operation);
    this.#drop(operation);
    const buffer = known?.buffer ?? new BodyBuffer();
    const step = appendBlock(buffer, block, payload, this.#limits.maxBodyBytes);
    if (step.type === "continue" || (step.type === "incomplete" && known !== undefined)) {
      this.#keep(operation, { buffer, expiresAt: now + this.#limits.lifetimeMs });
    }
    return step;
  }

  #keep(operation: string, assembly: Assembly): void {
    this.#assemblyByOperation.set(operation, assembly);
    this.#totalBytes += assembly.buffer.capacity;
    for (const oldest of this.#assemblyByOperation.keys()) {
      if (this.#totalBytes <= this.#limits.maxTotalBytes || oldest === operation) return;
      this.#drop(oldest);
    }
  }

  #drop(operation: string): void {
    const assembly = this.#assemblyByOperation.get(operation);
    if (assembly === undefined) return;
    this.#assemblyByOperation.delete(operation);
    this.#totalBytes -= assembly.buffer.capacity;
  }

  #sweep(now: Instant): void {
    for (const [operation, { expiresAt }] of this.#assemblyByOperation) {
      if (expiresAt > now) return;
      this.#drop(operation);
    }
  }
}
