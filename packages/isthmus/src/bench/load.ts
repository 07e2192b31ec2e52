import { performance } from "node:perf_hooks";

import type { Fleet } from "./fleet.js";
import { type ResidentMemory, residentMemory, takeUsage, type UsageShare, usageBetween } from "./process-usage.js";
import type { Publisher } from "./publishers.js";
import type { RunOptions } from "./run-options.js";
import type { Subscriber } from "./subscriber.js";

/**
 * Most deliveries that may be due; a batch that is begun below it goes out whole.
 *
 * The system buffers megabytes for each socket, and a broker acknowledges to a publisher before the subscribers have
 * the message: without a limit, queues would be measured. This much keeps both sides busy at ten million deliveries a
 * second (half a millisecond); with four times as much, brokers that queue every message slow down with their backlog.
 */
const MAX_DUE = 5000;

/** When nothing has come for this long under load, what is due is given up, so that lost messages do not stop it. */
const STALLED_AFTER_MS = 1000;

/** At the end, when nothing has come for this long, what is due is lost. */
const LOST_AFTER_MS = 1000;

/** At the end, a broker that is still delivering after this long is left alone. */
const SETTLE_MS = 10_000;

/** What one window saw. */
export interface LoadWindow extends UsageShare {
  readonly sentPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly brokerMemory: ResidentMemory | undefined;
}

/** What a whole run saw. */
export interface LoadResult {
  readonly windows: readonly LoadWindow[];
  readonly sentCount: number;
  /** Deliveries that the sent messages call for. */
  readonly dueCount: number;
  readonly deliveredCount: number;
  /** Whether the deliveries had ended: what is missing of the due ones is lost. */
  readonly isSettled: boolean;
}

/** Publishers and subscribers under way: one write per publisher and turn of the event loop. */
export class Load {
  readonly #fleet: Fleet;
  readonly #copies: number;
  readonly #publishers: Publisher[] = [];
  readonly #subscribers: Subscriber[] = [];
  /** Deliveries that are no longer waited for: QoS 0 may lose them, and the load goes on without. */
  #givenUpCount = 0;
  #isRunning = false;
  #isScheduled = false;
  #first = 0;

  /** @param copies deliveries that each message makes */
  constructor(fleet: Fleet, copies: number) {
    this.#fleet = fleet;
    this.#copies = copies;
  }

  addPublisher(publisher: Publisher): void {
    this.#publishers.push(publisher);
  }

  addSubscriber(subscriber: Subscriber): void {
    this.#subscribers.push(subscriber);
  }

  /** Lets the publishers go on, in the next turn of the event loop. For publishers and subscribers to call. */
  readonly wake = (): void => {
    if (this.#isScheduled || !this.#isRunning) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  };

  /** Loads the broker: warms up, measures the windows, then waits for what is still due. */
  async run(options: RunOptions): Promise<LoadResult> {
    this.#isRunning = true;
    this.wake();
    const windows: LoadWindow[] = [];
    const stallTimer = this.#giveUpOnStalls();
    try {
      await this.#fleet.sleep(options.warmupMs);
      for (let i = 0; i < options.repeat; i++) windows.push(await this.#measure(options));
    } finally {
      this.#isRunning = false;
      clearInterval(stallTimer);
    }
    const isSettled = await this.#settle();
    const [sentCount, deliveredCount] = [this.#sentCount(), this.#deliveredCount()];
    return { windows, sentCount, deliveredCount, dueCount: this.#dueCount(), isSettled };
  }

  #giveUpOnStalls(): NodeJS.Timeout {
    let seen = -1;
    return setInterval(() => {
      const deliveredCount = this.#deliveredCount();
      if (deliveredCount === seen) {
        this.#givenUpCount = this.#dueCount() - deliveredCount;
        this.wake();
      }
      seen = deliveredCount;
    }, STALLED_AFTER_MS);
  }

  async #measure({ windowMs, brokerPid }: RunOptions): Promise<LoadWindow> {
    const from = { usage: takeUsage(brokerPid), sent: this.#sentCount(), delivered: this.#deliveredCount() };
    await this.#fleet.sleep(windowMs);
    const usage = usageBetween(from.usage, takeUsage(brokerPid));
    const seconds = usage.elapsedMs / 1000;
    return {
      ...usage,
      sentPerSecond: (this.#sentCount() - from.sent) / seconds,
      deliveredPerSecond: (this.#deliveredCount() - from.delivered) / seconds,
      brokerMemory: residentMemory(brokerPid),
    };
  }

  /** Waits for what is due. False when it was still coming after a long time: then nobody knows what is lost. */
  async #settle(): Promise<boolean> {
    const startedAt = performance.now();
    let changedAt = startedAt;
    let seen = -1;
    while (performance.now() - startedAt < SETTLE_MS) {
      if (this.#deliveredCount() >= this.#dueCount() && this.#publishers.every(({ isSettled }) => isSettled))
        return true;
      if (this.#deliveredCount() !== seen) changedAt = performance.now();
      else if (performance.now() - changedAt > LOST_AFTER_MS) return true;
      seen = this.#deliveredCount();
      await this.#fleet.sleep(20);
    }
    return false;
  }

  readonly #turn = (): void => {
    this.#isScheduled = false;
    if (!this.#isRunning) return;
    let goesOn = false;
    const outstanding = this.#dueCount() - this.#deliveredCount() - this.#givenUpCount;
    let allowance = Math.floor((MAX_DUE - outstanding) / this.#copies);
    // Another one goes first in each turn, so that a short allowance is shared by all.
    this.#first = (this.#first + 1) % this.#publishers.length;
    for (let i = 0; i < this.#publishers.length; i++) {
      const publisher = this.#publishers[(this.#first + i) % this.#publishers.length];
      if (!publisher) continue;
      const before = publisher.sentCount;
      goesOn = publisher.pump(allowance) || goesOn;
      allowance -= publisher.sentCount - before;
    }
    if (goesOn) this.wake();
  };

  #sentCount(): number {
    let sum = 0;
    for (const { sentCount } of this.#publishers) sum += sentCount;
    return sum;
  }

  #dueCount(): number {
    return this.#sentCount() * this.#copies;
  }

  #deliveredCount(): number {
    let sum = 0;
    for (const { deliveredCount } of this.#subscribers) sum += deliveredCount;
    return sum;
  }
}
