import type { Transport } from "@isthmus/mqtt";

/**
 * Why nothing is read of a client: a verdict on it is awaited, receivers are behind, it is too fast, or it does not take
 * the answers to what it asks.
 */
export type ShutReason = "held" | "congestion" | "pace" | "answers";

const BITS: Readonly<Record<ShutReason, number>> = { held: 1, congestion: 2, pace: 4, answers: 8 };

/** Reading of one transport, which goes on when nothing is against it any more. */
export class ReadGate {
  readonly #transport: Transport;
  #reasons = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  isShut(reason: ShutReason): boolean {
    return (this.#reasons & BITS[reason]) !== 0;
  }

  shut(reason: ShutReason): void {
    if (this.#reasons === 0) this.#transport.pause();
    this.#reasons |= BITS[reason];
  }

  open(reason: ShutReason): void {
    if (!this.isShut(reason)) return;
    this.#reasons &= ~BITS[reason];
    if (this.#reasons === 0) this.#transport.resume();
  }
}
