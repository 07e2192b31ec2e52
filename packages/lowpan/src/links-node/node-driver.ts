import { type Instant, NEVER } from "@isthmus/machine";
import type { FrameLink } from "../links/frame-link.js";
import type { Radio } from "../medium/mac-service.js";
import type { NodeMachine } from "../medium/simulation.js";

/** Deadlines nearer than this are slept out on the spot: no timer of Node's is that fine. */
const SLEEP_LIMIT_MS = 0.3;
/** What Node's timers can tell apart. */
const TIMER_RESOLUTION_MS = 1;
const LONGEST_TIMER_MS = 0x7fff_ffff;
/** Signal strength of a link that does not tell one. */
const UNKNOWN_RSS_DBM = -60;

/**
 * Options of a `LowpanNode` or `Mac` over a link without a channel to be shared: no CSMA-CA, and patience for
 * acknowledgements that come through sockets and event loops.
 */
export const REAL_TIME_OPTIONS = { usesCsma: false, ackWaitMs: 8 } as const;

/** Runs a node over a {@link FrameLink} in real time: frames in, frames out, one timer for its next deadline. */
export class NodeDriver<T extends NodeMachine> {
  readonly machine: T;
  /** Is called after each input: the time to take the machine's events. */
  onActivity: ((machine: T) => void) | undefined;
  readonly #link: FrameLink;
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param build makes the machine over the radio that stands for the link. */
  constructor(link: FrameLink, build: (radio: Radio) => T) {
    this.#link = link;
    this.machine = build({
      isChannelClear: () => true,
      transmit: (_now, psdu) => {
        link.send(psdu);
        return 0;
      },
    });
    link.onFrame = ({ psdu, rssDbm }) => {
      this.#input((now) => this.machine.receive(now, psdu, rssDbm ?? UNKNOWN_RSS_DBM));
    };
    this.#arm();
  }

  /** The clock that the machine lives by. */
  get now(): Instant {
    return performance.now();
  }

  /** Does something with the machine. */
  act<R>(action: (machine: T, now: Instant) => R): R {
    return this.#input((now) => action(this.machine, now));
  }

  /** Stops the machine's clock and closes the link. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#link.close();
  }

  #input<R>(run: (now: Instant) => R): R {
    const result = run(this.now);
    this.#catchUp();
    this.onActivity?.(this.machine);
    this.#arm();
    return result;
  }

  /**
   * Does what is due, and sleeps until what is due in a moment: an acknowledgement must leave a fifth of a millisecond
   * after its frame. One that leaves at once comes before its receiver listens; one that a timer sends comes too late.
   */
  #catchUp(): void {
    for (;;) {
      const wait = this.machine.nextDeadline() - this.now;
      if (wait > SLEEP_LIMIT_MS || this.#isClosed) return;
      if (wait > 0) Atomics.wait(this.#sleeper, 0, 0, wait);
      this.machine.handleTimeout(this.now);
    }
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const deadline = this.machine.nextDeadline();
    if (deadline === NEVER || this.#isClosed) return;
    const delay = Math.min(LONGEST_TIMER_MS, Math.max(TIMER_RESOLUTION_MS, deadline - this.now));
    this.#timer = setTimeout(() => {
      this.#input((now) => this.machine.handleTimeout(now));
    }, delay);
  }
}
