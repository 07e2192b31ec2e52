import type { Metrics } from "../../metrics.js";

/** A publisher that can be made to wait. */
export interface Pausable {
  pauseReading(): void;
  resumeReading(): void;
}

/** A receiver that takes its bytes too slowly. */
export interface Congestible {
  /** True while publishers no longer wait for it: what it has no room for is dropped. */
  isLagging: boolean;
  /** True while publishers wait for it. */
  isHolding: boolean;
}

interface Congestion {
  readonly publishers: Set<Pausable>;
  readonly timer: NodeJS.Timeout;
}

/**
 * Makes publishers wait for receivers that fall behind, for a while.
 *
 * A publisher that outruns its receivers is paused rather than buffered. But no receiver may hold up the others for
 * longer than the grace period: after that it is lagging, and loses QoS 0 messages until it has caught up.
 */
export class BackPressure {
  readonly #graceMs: number;
  readonly #metrics: Metrics;
  readonly #congestionByReceiver = new Map<Congestible, Congestion>();
  readonly #waitsByPublisher = new Map<Pausable, number>();

  constructor(graceMs: number, metrics: Metrics) {
    this.#graceMs = graceMs;
    this.#metrics = metrics;
  }

  /** `publisher` waits until `receiver` has caught up or its grace is over. */
  hold(publisher: Pausable, receiver: Congestible): void {
    if (receiver.isLagging) return;
    let congestion = this.#congestionByReceiver.get(receiver);
    if (congestion === undefined) {
      const timer = setTimeout(() => {
        receiver.isLagging = true;
        this.#release(receiver);
      }, this.#graceMs);
      congestion = { publishers: new Set(), timer };
      receiver.isHolding = true;
      this.#congestionByReceiver.set(receiver, congestion);
    }
    if (congestion.publishers.has(publisher)) return;
    congestion.publishers.add(publisher);
    const waits = this.#waitsByPublisher.get(publisher) ?? 0;
    this.#waitsByPublisher.set(publisher, waits + 1);
    if (waits > 0) return;
    this.#metrics.publishersPaused++;
    publisher.pauseReading();
  }

  /** `receiver` has caught up, or is gone. */
  relieve(receiver: Congestible): void {
    receiver.isLagging = false;
    this.#release(receiver);
  }

  /** `publisher` is gone: nothing is paused on its account any more. */
  forget(publisher: Pausable): void {
    if (!this.#waitsByPublisher.delete(publisher)) return;
    for (const { publishers } of this.#congestionByReceiver.values()) publishers.delete(publisher);
  }

  close(): void {
    for (const receiver of this.#congestionByReceiver.keys()) this.#release(receiver);
  }

  #release(receiver: Congestible): void {
    const congestion = this.#congestionByReceiver.get(receiver);
    if (congestion === undefined) return;
    clearTimeout(congestion.timer);
    receiver.isHolding = false;
    this.#congestionByReceiver.delete(receiver);
    for (const publisher of congestion.publishers) {
      const waits = (this.#waitsByPublisher.get(publisher) ?? 1) - 1;
      if (waits > 0) this.#waitsByPublisher.set(publisher, waits);
      else {
        this.#waitsByPublisher.delete(publisher);
        publisher.resumeReading();
      }
    }
  }
}
