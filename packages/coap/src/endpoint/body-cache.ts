import type { Instant } from "@isthmus/machine";
import type { Response } from "./incoming.js";

interface Body {
  readonly response: Response;
  readonly expiresAt: Instant;
}

/** Bounds of a {@link BodyCache}. */
export interface BodyCacheLimits {
  /** Most bytes of all bodies; beyond it the one unused for longest is dropped. */
  readonly maxTotalBytes: number;
  /** How long a body waits for its next block to be asked for. */
  readonly lifetimeMs: number;
}

/**
 * Responses of which the first block was sent, so that the blocks asked for later are of the same representation
 * (RFC 7959 2.4), also when the resource has changed or asking it again would do something twice.
 */
export class BodyCache {
  readonly #limits: BodyCacheLimits;
  /** In the order of use. */
  readonly #bodyByOperation = new Map<string, Body>();
  #totalBytes = 0;

  constructor(limits: BodyCacheLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#bodyByOperation.size;
  }

  /** Keeps `response` for the operation, in place of what there was. */
  put(now: Instant, operation: string, response: Response): void {
    this.#sweep(now);
    this.drop(operation);
    if (lengthOf(response) > this.#limits.maxTotalBytes) return;
    this.#bodyByOperation.set(operation, { response, expiresAt: now + this.#limits.lifetimeMs });
    this.#totalBytes += lengthOf(response);
    for (const oldest of this.#bodyByOperation.keys()) {
      if (this.#totalBytes <= this.#limits.maxTotalBytes) return;
      this.drop(oldest);
    }
  }

  /** The response that was kept for the operation, which is in use again. */
  take(now: Instant, operation: string): Response | undefined {
    this.#sweep(now);
    const body = this.#bodyByOperation.get(operation);
    if (body === undefined) return undefined;
    this.#bodyByOperation.delete(operation);
    this.#bodyByOperation.set(operation, { ...body, expiresAt: now + this.#limits.lifetimeMs });
    return body.response;
  }

  drop(operation: string): void {
    const body = this.#bodyByOperation.get(operation);
    if (body === undefined) return;
    this.#bodyByOperation.delete(operation);
    this.#totalBytes -= lengthOf(body.response);
  }

  #sweep(now: Instant): void {
    for (const [operation, { expiresAt }] of this.#bodyByOperation) {
      if (expiresAt > now) return;
      this.drop(operation);
    }
  }
}

function lengthOf(response: Response): number {
  return response.payload?.length ?? 0;
}
