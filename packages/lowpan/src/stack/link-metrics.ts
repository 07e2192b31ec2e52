import { type LinkAddress, linkAddressKey } from "../wire/mac/link-address.js";

/** The part of the estimate that stays when a frame was sent. */
const WEIGHT_OF_OLD = 0.85;
/** What a frame that was never acknowledged counts. */
const PENALTY = 8;
/** What a link counts of which nothing is known. */
const UNKNOWN_ETX = 1.5;

/** How many times a frame must be sent to each neighbour until it is acknowledged: a moving average. */
export class LinkMetrics {
  readonly #etxByLink = new Map<string, number>();
  readonly #maxLinks: number;

  /** @param maxLinks neighbours remembered at most; the one measured least recently is forgotten. Default 256. */
  constructor(maxLinks = 256) {
    this.#maxLinks = maxLinks;
  }

  /** Expected transmissions to the neighbour. */
  etx(link: LinkAddress): number {
    return this.#etxByLink.get(linkAddressKey(link)) ?? UNKNOWN_ETX;
  }

  /** Takes into account how a frame to the neighbour went. */
  handleSent(link: LinkAddress, isAcknowledged: boolean, attempts: number): void {
    const key = linkAddressKey(link);
    const sample = isAcknowledged ? attempts : PENALTY;
    const etx = this.etx(link) * WEIGHT_OF_OLD + sample * (1 - WEIGHT_OF_OLD);
    this.#etxByLink.delete(key);
    this.#etxByLink.set(key, etx);
    if (this.#etxByLink.size > this.#maxLinks) this.#forgetOldest();
  }

  /** Forgets what was measured: the neighbour has moved, or is tried afresh. */
  forget(link: LinkAddress): void {
    this.#etxByLink.delete(linkAddressKey(link));
  }

  #forgetOldest(): void {
    for (const key of this.#etxByLink.keys()) {
      this.#etxByLink.delete(key);
      return;
    }
  }
}
