import type { Instant } from "@isthmus/machine";

/** RFC 7641 3.4: after 128 seconds any notification is newer than the last. */
const FRESH_AFTER_MS = 128_000;

/** Tells newer notifications from older ones that were overtaken (RFC 7641 3.4). */
export class NotificationOrder {
  #last: number | undefined;
  #lastAt: Instant = Number.NEGATIVE_INFINITY;

  /** Whether the notification with this sequence number is newer than all before; it then is the newest. */
  accept(now: Instant, sequence: number): boolean {
    if (this.#last !== undefined && !isNewer(this.#last, sequence) && now <= this.#lastAt + FRESH_AFTER_MS)
      return false;
    this.#last = sequence;
    this.#lastAt = now;
    return true;
  }
}

/** RFC 7641 3.4: V2 is newer when (V1 < V2 and V2 - V1 < 2^23) or (V1 > V2 and V1 - V2 > 2^23). */
function isNewer(v1: number, v2: number): boolean {
  return (v1 < v2 && v2 - v1 < 2 ** 23) || (v1 > v2 && v1 - v2 > 2 ** 23);
}
