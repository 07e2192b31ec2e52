import { TimeoutError } from "../session/client-errors.js";
import type { Transport } from "../transport/transport.js";
import { Client } from "./client.js";
import type { OpenTransport } from "./open-transport.js";
import type { ConnectOptions } from "./options.js";

/**
 * Makes the `connect` of a platform.
 *
 * @param openTransport opens what the platform has for a URL
 */
export function makeConnect<O>(
  openTransport: OpenTransport<O>,
): (url: string | URL, options?: ConnectOptions & O) => Promise<Client> {
  return async (address, options) => {
    const url = new URL(address);
    // No option is required, whatever the platform adds.
    const given = options ?? ({} as ConnectOptions & O);
    const { transport, connectTimeoutMs = 30_000, protocolVersion = 5 } = given;
    return Client.open(url, given, async (closing) => {
      const timeout = AbortSignal.timeout(connectTimeoutMs);
      const signal = AbortSignal.any([closing, timeout]);
      const opening = transport ? transport() : openTransport(url, { ...given, protocolVersion }, signal);
      try {
        return await unlessAborted(Promise.resolve(opening), signal);
      } catch (cause) {
        if (!timeout.aborted) throw cause;
        throw new TimeoutError(`no connection to ${url.host} within ${connectTimeoutMs} ms`, { cause });
      }
    });
  };
}

/** What `opening` gives; when `signal` aborts first, its reason is thrown and what opens later is closed. */
async function unlessAborted(opening: Promise<Transport>, signal: AbortSignal): Promise<Transport> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([opening, aborted.promise]);
  } catch (error) {
    opening.then(
      (transport) => transport.destroy(),
      // It did not open: nothing to close.
      () => undefined,
    );
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
