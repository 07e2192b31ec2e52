import { earliest, type Instant, NEVER } from "@isthmus/machine";

/**
 * The client's half of keep alive (3.1.2.10): when to send PINGREQ, and when the server counts as gone.
 *
 * It pings when nothing was sent for the keep alive [MQTT-3.1.2-20], as the standard asks, and also when nothing came
 * in for as long: a client that only publishes would else never learn that its bytes go nowhere.
 */
export class KeepAlive {
  #intervalMs = 0;
  #responseTimeoutMs = 0;
  #sentAt: Instant = 0;
  #receivedAt: Instant = 0;
  /** When the oldest unanswered PINGREQ went; undefined when none is. */
  #pingedAt: Instant | undefined;
  #isDeaf = false;

  /** @param intervalMs 0 turns keep alive off. */
  open(now: Instant, intervalMs: number, responseTimeoutMs: number): void {
    this.#intervalMs = intervalMs;
    this.#responseTimeoutMs = responseTimeoutMs;
    this.#sentAt = now;
    this.#receivedAt = now;
    this.#pingedAt = undefined;
  }

  close(): void {
    this.#intervalMs = 0;
  }

  noteSent(now: Instant): void {
    this.#sentAt = now;
  }

  noteReceived(now: Instant): void {
    this.#receivedAt = now;
    this.#pingedAt = undefined;
  }

  notePinged(now: Instant): void {
    this.#pingedAt ??= now;
  }

  /** While the application does not read, silence says nothing about the server. */
  setDeaf(now: Instant, isDeaf: boolean): void {
    if (this.#isDeaf && !isDeaf) this.noteReceived(now);
    this.#isDeaf = isDeaf;
  }

  /** When the next PINGREQ is due. */
  pingAt(): Instant {
    if (this.#intervalMs === 0) return NEVER;
    const isWaiting = this.#pingedAt !== undefined || this.#isDeaf;
    return (isWaiting ? this.#sentAt : earliest(this.#sentAt, this.#receivedAt)) + this.#intervalMs;
  }

  /** When the server counts as gone. */
  deadAt(): Instant {
    if (this.#intervalMs === 0 || this.#isDeaf || this.#pingedAt === undefined) return NEVER;
    return this.#pingedAt + this.#responseTimeoutMs;
  }
}
