import type { CoapClient, CoapResponse, RequestOptions } from "@isthmus/coap";
import { EXIT, exitCodeOf } from "./report.js";

/** How long to observe. */
export interface ObservePlan extends Omit<RequestOptions, "method"> {
  /** Seconds to observe for; undefined for as long as it goes. */
  readonly observeSeconds?: number | undefined;
  /** Notifications after which it is enough. */
  readonly maxCount?: number | undefined;
}

/** Gives each state of `uri` to `write`, until it is enough, or told to stop. @returns the exit code. */
export async function observeInto(
  client: CoapClient,
  uri: string,
  { observeSeconds, maxCount, timeoutMs, signal, ...options }: ObservePlan,
  write: (response: CoapResponse) => Promise<void>,
): Promise<number> {
  const enough = new AbortController();
  // What waits for the first response is the wait of a request; after it the time of the observation runs.
  let timer = timeoutMs === undefined ? undefined : setTimeout(() => enough.abort(), timeoutMs);
  const signals = signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]);
  let exitCode: number | undefined;
  let count = 0;
  try {
    for await (const response of client.observe(uri, { ...options, signal: signals })) {
      if (count === 0) {
        clearTimeout(timer);
        timer = observeSeconds === undefined ? undefined : setTimeout(() => enough.abort(), observeSeconds * 1_000);
      }
      await write(response);
      exitCode = exitCodeOf(response);
      if (++count === maxCount) break;
    }
  } finally {
    clearTimeout(timer);
  }
  // Told to stop before there was a response: nothing went wrong; nothing in time: it did.
  return exitCode ?? (signal?.aborted === true ? 0 : EXIT.noResponse);
}
