import { ReasonCode } from "../codec/reason-codes.js";
import { RefusedError } from "../session/client-errors.js";
import type { DisconnectionInfo } from "./options.js";

/** How a client connects again after its connection broke. */
export interface ReconnectOptions {
  /** Milliseconds of the first delay. Default 1,000. */
  readonly minDelayMs?: number | undefined;
  /** Milliseconds that delays grow to. Default 30,000. */
  readonly maxDelayMs?: number | undefined;
  /** Whether to try again after this error. Default {@link isWorthRetrying}. */
  readonly shouldRetry?: ((error: Error) => boolean) | undefined;
}

/** How a connection ended. */
export interface ConnectionEnd {
  /** Undefined when that was planned. */
  readonly error: Error | undefined;
  /** How long the server had accepted it; undefined when it never did. */
  readonly acceptedForMs: number | undefined;
}

/**
 * Connects, and connects again when the connection breaks, until `signal` aborts or trying again makes no sense.
 * The first connection is not tried again: whoever asked for it is told.
 *
 * @returns what ended it; undefined when that was planned.
 */
export async function keepConnected(
  connect: () => Promise<ConnectionEnd>,
  options: ReconnectOptions | false,
  handleDisconnection: (disconnection: DisconnectionInfo) => void,
  signal: AbortSignal,
): Promise<Error | undefined> {
  const { minDelayMs = 1_000, maxDelayMs = 30_000, shouldRetry = isWorthRetrying } = options || {};
  let attempt = 0;
  let hasBeenAccepted = false;
  for (;;) {
    const { error, acceptedForMs } = await connect();
    hasBeenAccepted ||= acceptedForMs !== undefined;
    // A server that accepts and then closes is as good as away: only a connection that lasts starts delays anew.
    if (acceptedForMs !== undefined && acceptedForMs >= maxDelayMs) attempt = 0;
    const isToRetry = options !== false && hasBeenAccepted && error && !signal.aborted && shouldRetry(error);
    const retryInMs = isToRetry ? backoffDelayMs(attempt++, minDelayMs, maxDelayMs, Math.random()) : undefined;
    if (hasBeenAccepted) handleDisconnection({ error, retryInMs });
    if (retryInMs !== undefined) await sleep(retryInMs, signal);
    if (signal.aborted) return undefined;
    if (retryInMs === undefined) return error;
  }
}

/**
 * How long to wait before attempt number `attempt` (0 is the first): the delay doubles up to the maximum, and a
 * random part of its upper half is waited, so that a thousand clients do not come back in the same instant.
 *
 * @param random from 0 to 1
 */
export function backoffDelayMs(attempt: number, minDelayMs: number, maxDelayMs: number, random: number): number {
  const ceilingMs = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(attempt, 30));
  return (ceilingMs / 2) * (1 + random);
}

/**
 * Whether connecting again can help: not when another connection took the session over, which would begin a fight,
 * nor when the server does not speak the version, does not take the client identifier or the authentication method,
 * or has moved.
 */
export function isWorthRetrying(error: Error): boolean {
  return !(error instanceof RefusedError && LASTING_REFUSALS.has(error.reasonCode));
}

const LASTING_REFUSALS: ReadonlySet<number> = new Set([
  ReasonCode.unsupportedProtocolVersion,
  ReasonCode.clientIdentifierNotValid,
  ReasonCode.badAuthenticationMethod,
  ReasonCode.sessionTakenOver,
  ReasonCode.serverMoved,
]);

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    signal.addEventListener("abort", wake);
    if (signal.aborted) wake();
  });
}
