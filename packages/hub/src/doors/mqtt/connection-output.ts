import type { Transport } from "@isthmus/mqtt";
import { Fifo, Outbox, type OutboxMemory } from "@isthmus/mqtt/session";
import type { Flushable, FlushScheduler } from "../../flush-scheduler.js";

/** What its output tells the connection. */
export interface OutputOwner {
  /** So many bytes are about to leave. */
  handleSending(bytes: number): void;
  /** The transport took all at once: no drain will follow that sets going what has waited for room. */
  handleRoom(): void;
}

/** What an output is made with. */
export interface OutputContext {
  readonly outboxMemory: OutboxMemory;
  readonly flushScheduler: FlushScheduler;
  readonly options: { readonly congestionBytes: number };
}

/**
 * What goes out on one connection: gathered in the outbox, written once a turn, set aside while it tells of something
 * that the store does not hold yet.
 */
export class ConnectionOutput implements Flushable {
  readonly outbox: Outbox;
  mustBeStoredFirst = false;
  /** True until CONNACK has left. */
  isUnwelcomed = false;
  readonly #owner: OutputOwner;
  readonly #context: OutputContext;
  readonly #transport: Transport;
  #isScheduled = false;
  /** What waits for the store, oldest first; made when first needed. */
  #setAside: Fifo<readonly Uint8Array[]> | undefined;
  #setAsideBytes = 0;
  #isTransportCongested = false;
  #isEnding = false;

  constructor(owner: OutputOwner, context: OutputContext, transport: Transport) {
    this.#owner = owner;
    this.#context = context;
    this.#transport = transport;
    this.outbox = new Outbox(context.outboxMemory);
  }

  /** Bytes that wait to be taken by the client. */
  get unsentBytes(): number {
    const waiting = this.outbox.pendingBytes + this.#setAsideBytes;
    return waiting + (this.#isTransportCongested ? this.#transport.bufferedBytes : 0);
  }

  /** False once so much waits that whoever publishes to this client should wait as well. */
  get isRoomy(): boolean {
    return this.unsentBytes < this.#context.options.congestionBytes;
  }

  get hasSetAside(): boolean {
    return this.#setAside !== undefined && this.#setAside.length > 0;
  }

  /** Something was put into the outbox: it leaves at the end of the turn. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#context.flushScheduler.schedule(this);
  }

  flush(): void {
    const wasRoomy = this.isRoomy;
    this.#isScheduled = false;
    this.isUnwelcomed = false;
    this.mustBeStoredFirst = false;
    this.#owner.handleSending(this.outbox.pendingBytes);
    this.#isTransportCongested = !this.outbox.flush(this.#transport);
    if (this.#isEnding) this.#transport.end();
    else if (!wasRoomy && this.isRoomy) this.#owner.handleRoom();
  }

  setAside(): void {
    this.#isScheduled = false;
    this.mustBeStoredFirst = false;
    this.#setAsideBytes += this.outbox.pendingBytes;
    this.#setAside ??= new Fifo();
    this.#setAside.push(this.outbox.take());
  }

  release(): void {
    const segments = this.#setAside?.shift();
    // The connection may have gone meanwhile.
    if (segments === undefined) return;
    this.isUnwelcomed = false;
    const wasRoomy = this.isRoomy;
    const before = this.#setAsideBytes;
    for (const { length } of segments) this.#setAsideBytes -= length;
    this.#owner.handleSending(before - this.#setAsideBytes);
    if (segments.length > 0) this.#isTransportCongested = !this.#transport.writeAll(segments);
    if (this.#isEnding && !this.hasSetAside && !this.#isScheduled) this.#transport.end();
    else if (!wasRoomy && this.isRoomy) this.#owner.handleRoom();
  }

  /** The transport has caught up. */
  handleDrain(): void {
    this.#isTransportCongested = false;
  }

  /** Once what waits has left, the transport is closed. */
  end(): void {
    this.#isEnding = true;
    this.schedule();
  }

  /** Nothing of what waits leaves any more, and nobody is told what waited for the store. */
  discard(): void {
    this.outbox.clear();
    this.#setAside = undefined;
    this.#setAsideBytes = 0;
    this.mustBeStoredFirst = false;
  }
}
