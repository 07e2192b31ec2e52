import { concatBytes } from "@isthmus/bytes";
import { type Instant, NEVER } from "@isthmus/machine";
import { ConnectionLostError } from "../session/client-errors.js";
import type { ClientSession } from "../session/client-session.js";
import type { ClientSessionEvent } from "../session/client-session-types.js";
import { Fifo } from "../session/fifo.js";
import type { Transport, TransportListener } from "../transport/transport.js";
import type { ConnectionEnd } from "./keep-connected.js";

/** What a link needs of its client. */
export interface LinkPort<C> {
  openTransport(signal: AbortSignal): Promise<Transport>;
  /** The data that enhanced authentication begins with, for each connection anew. */
  startAuthentication(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  handleEvent(event: Exclude<ClientSessionEvent<C>, { type: "close" }>): void;
}

/** Node's and the browsers' timers wait no longer than this. */
const MAX_TIMER_MS = 0x7fff_ffff;

/**
 * Drives one session over one connection at a time: the transport, the timer, one write a turn.
 *
 * {@link connect} makes a connection and lasts as long as it does. Whether and when there is another is up to the
 * caller.
 */
export class Link<C> implements TransportListener {
  readonly #session: ClientSession<C>;
  readonly #port: LinkPort<C>;
  #transport: Transport | undefined;
  #whenClosed: ((error: Error | undefined) => void) | undefined;
  #acceptedAt: Instant | undefined;
  /** Set once the session wants the connection closed. */
  #ending: { readonly error: Error | undefined } | undefined;
  #isFlushScheduled = false;
  /** What has happened and was not acted on yet. */
  readonly #events = new Fifo<ClientSessionEvent<C>>();
  #isHeld = false;
  #isCongested = false;
  #isPaused = false;
  #drainWaiters: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = NEVER;

  constructor(session: ClientSession<C>, port: LinkPort<C>) {
    this.#session = session;
    this.#port = port;
  }

  /** Bytes that were given to be sent and have not left. */
  get bufferedBytes(): number {
    return this.#session.transmitBytes + (this.#transport?.bufferedBytes ?? 0);
  }

  /** Whether {@link drained} has to wait. */
  get isCongested(): boolean {
    return this.#isCongested;
  }

  /** Makes a connection and returns, when it is gone, how it ended. It never throws. */
  async connect(signal: AbortSignal): Promise<ConnectionEnd> {
    this.#acceptedAt = undefined;
    const error = await this.#connect(signal).catch(asError);
    const acceptedForMs = this.#acceptedAt === undefined ? undefined : performance.now() - this.#acceptedAt;
    return { error, acceptedForMs };
  }

  /** Sends what the session has to send, acts on what has happened, and arms the timer. */
  flush(): void {
    this.#transmit();
    for (const event of this.#session.takeEvents()) this.#events.push(event);
    while (!this.#isHeld) {
      const event = this.#events.shift();
      if (!event) break;
      this.#handleEvent(event);
    }
    this.#armTimer();
  }

  /** The session has something to send: it leaves when this turn is over, with all else that comes up in it. */
  scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => {
      this.#isFlushScheduled = false;
      this.flush();
    });
  }

  /** Acts on nothing that happens until the next turn of the event loop, so that this one can prepare for it. */
  hold(): void {
    this.#isHeld = true;
    setTimeout(() => {
      this.#isHeld = false;
      this.flush();
    }, 0);
  }

  /** Resolves when the transport takes more, or is gone. */
  drained(): Promise<void> {
    return this.#isCongested ? new Promise((resolve) => this.#drainWaiters.push(resolve)) : Promise.resolve();
  }

  /** Stops reading, or goes on. It holds for later connections too, once they are accepted. */
  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (this.#session.isOpen) this.#applyPause();
  }

  receiveBytes(bytes: Uint8Array): void {
    this.#session.receiveBytes(performance.now(), bytes);
    this.flush();
  }

  handleDrain(): void {
    this.#isCongested = false;
    for (const resolve of this.#drainWaiters.splice(0)) resolve();
  }

  handleClose(error: Error | undefined): void {
    this.#transport = undefined;
    this.#session.handleClose(performance.now());
    this.#isHeld = false;
    this.flush();
    this.handleDrain();
    const lost = new ConnectionLostError("the connection was lost", error && { cause: error });
    this.#whenClosed?.(this.#ending ? this.#ending.error : lost);
  }

  async #connect(signal: AbortSignal): Promise<Error | undefined> {
    const authenticationData = await this.#port.startAuthentication();
    const transport = await this.#port.openTransport(signal);
    if (signal.aborted) transport.destroy();
    signal.throwIfAborted();
    const closed = Promise.withResolvers<Error | undefined>();
    this.#whenClosed = closed.resolve;
    this.#transport = transport;
    this.#ending = undefined;
    transport.open(this);
    this.#session.connect(performance.now(), authenticationData);
    this.flush();
    return closed.promise;
  }

  #transmit(): void {
    const transmits = this.#session.takeTransmits();
    if (transmits.length === 0 || !this.#transport) return;
    const [first, ...rest] = transmits.length === 1 ? transmits : gather(transmits);
    if (!first) return;
    const isFree = rest.length === 0 ? this.#transport.write(first) : this.#transport.writeAll([first, ...rest]);
    if (!isFree) this.#isCongested = true;
  }

  #handleEvent(event: ClientSessionEvent<C>): void {
    if (event.type === "close") {
      this.#ending = event;
      if (event.isAbrupt) this.#transport?.destroy();
      else this.#transport?.end();
      return;
    }
    if (event.type === "connected") {
      this.#acceptedAt = performance.now();
      // Not before: CONNACK had to be read.
      this.#applyPause();
    }
    this.#port.handleEvent(event);
  }

  #applyPause(): void {
    if (this.#isPaused) this.#transport?.pause();
    else this.#transport?.resume();
    this.#session.setDeaf(performance.now(), this.#isPaused);
    this.#armTimer();
  }

  #armTimer(): void {
    const at = this.#session.nextDeadline();
    // A timer that fires early does no harm and is armed again: cheaper than moving it with each packet.
    if (at >= this.#timerAt && at !== NEVER) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === NEVER) return;
    const delayMs = Math.min(Math.max(0, Math.ceil(at - performance.now())), MAX_TIMER_MS);
    this.#timer = setTimeout(() => {
      this.#timerAt = NEVER;
      this.#session.handleTimeout(performance.now());
      this.flush();
    }, delayMs);
  }
}

/** A packet up to this size is copied to its neighbours; a larger one is sent from where it lies. */
const COPY_LIMIT_BYTES = 2048;

/** The same bytes in fewer arrays: a thousand small packets cost a copy, not a thousand writes. */
function gather(packets: readonly Uint8Array[]): Uint8Array[] {
  const gathered: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  const close = (): void => {
    if (small.length > 0) gathered.push(concatBytes(small));
    small = [];
  };
  for (const packet of packets) {
    if (packet.length <= COPY_LIMIT_BYTES) small.push(packet);
    else {
      close();
      gathered.push(packet);
    }
  }
  close();
  return gathered;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
