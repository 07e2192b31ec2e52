import type { monitorEventLoopDelay } from "node:perf_hooks";
import type { Family } from "./exposition.js";

const RESOLUTION_MS = 20;
/** After so long without a look at it, measuring ends: a timer that wakes the process costs even where nobody asks. */
const IDLE_MS = 5 * 60_000;

/** How late the event loop gets to what is due, measured from the first look to some minutes after the last. */
export class EventLoopLag {
  #histogram: ReturnType<typeof monitorEventLoopDelay> | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  /** What was measured since the look before; nothing at the first look. */
  read(): Family[] {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.close(), IDLE_MS).unref();
    const histogram = this.#histogram;
    if (histogram === undefined) {
      // Loaded when first needed, as most of what only some hubs use.
      const performanceHooks = process.getBuiltinModule("node:perf_hooks");
      this.#histogram = performanceHooks.monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      this.#histogram.enable();
      return [];
    }
    if (histogram.count === 0) return [];
    const families = [
      family("mean", "Mean", histogram.mean),
      family("p50", "50th percentile of the", histogram.percentile(50)),
      family("p99", "99th percentile of the", histogram.percentile(99)),
      family("max", "Longest", histogram.max),
    ];
    histogram.reset();
    return families;
  }

  close(): void {
    clearTimeout(this.#idleTimer);
    this.#histogram?.disable();
    this.#histogram = undefined;
  }
}

/** The histogram holds the time from one tick to the next: what is above the resolution is lag. */
function family(name: string, what: string, nanoseconds: number): Family {
  const value = Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000);
  const help = `${what} event-loop lag since the last scrape, in seconds.`;
  return { name: `nodejs_eventloop_lag_${name}_seconds`, help, type: "gauge", samples: [{ value }] };
}
