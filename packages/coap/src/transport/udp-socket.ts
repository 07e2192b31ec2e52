import type { RemoteInfo, Socket } from "node:dgram";
import { once } from "node:events";
import { type Instant, PingPong } from "@isthmus/machine";
import type { Address } from "../endpoint/endpoint.js";
import type { Destination } from "../endpoint/endpoint-options.js";
import { clockNow } from "./clock.js";
import { type DatagramBatches, openBatches } from "./datagram-batches.js";
import { plainBytes } from "./plain-bytes.js";

/** Datagrams between two looks at the rate. */
const RATE_WINDOW = 256;
/** For so long batches are taken and looked for in one turn of the event loop; then others have their turn. */
const MAX_TURN_MS = 2;
/** How long to look for the next datagram of somebody who sent one at once after each answer so far. */
const POLL_MS = 0.1;

/** What comes of a socket. */
export interface UdpSocketHandler {
  /** @param bytes in memory of their own. */
  handleDatagram(now: Instant, bytes: Uint8Array, from: Address): void;
  /** @param to where a datagram should have gone, when the error does not say it. */
  handleError(error: Error, to?: Address): void;
}

/**
 * The socket of an endpoint: one of Node's, and while it is busy batches of datagrams beside it
 * (docs/decisions/datagrams-in-batches.md).
 *
 * Node reads a datagram, and with it comes what else waits: one system call in the place of 64, and none of Node's work
 * for each. What is sent meanwhile goes at the end, what is sent at other times at the end of the turn.
 */
export class UdpSocket {
  readonly #socket: Socket;
  readonly #handler: UdpSocketHandler;
  readonly #batchingThresholdPerSecond: number;
  #batches: DatagramBatches | undefined;
  #isOpeningBatches = false;
  #isClosed = false;
  #isReceiving = false;
  #isFlushDue = false;
  /** Datagrams in and out since `#countedSince`. */
  #count = 0;
  #countedSince: Instant;
  /** Until when batches are taken in this turn of the event loop; undefined before the first of it. */
  #turnEndsAt: Instant | undefined;
  readonly #pingPong = new PingPong(POLL_MS);

  /** @param socket bound. */
  constructor(socket: Socket, batchingThresholdPerSecond: number, handler: UdpSocketHandler) {
    this.#socket = socket;
    this.#handler = handler;
    this.#batchingThresholdPerSecond = batchingThresholdPerSecond;
    this.#countedSince = clockNow();
    socket.on("message", (datagram, from) => this.#handleMessage(datagram, from));
    socket.on("error", (error) => handler.handleError(error));
  }

  get isBatching(): boolean {
    return this.#batches !== undefined;
  }

  /** Takes to batches at once where the threshold is 0. */
  async prepare(): Promise<void> {
    if (this.#batchingThresholdPerSecond === 0) await this.#startBatching();
  }

  /** Takes to batches, if the machine has them; idempotent. */
  async #startBatching(): Promise<void> {
    if (this.#isOpeningBatches) return;
    this.#isOpeningBatches = true;
    const batches = await openBatches(this.#socket, (bytes, to, isReported) => this.#sendAlone(bytes, to, isReported));
    if (!this.#isClosed) this.#batches = batches;
  }

  /** Sends `bytes` to `to`; they may be written to afterwards only if they fit a batch. */
  send(bytes: Uint8Array, to: Destination, isReported: boolean): void {
    if (this.#isClosed) return;
    const batches = this.#batches;
    if (batches === undefined) {
      this.#countDatagram();
      this.#sendAlone(bytes, to, isReported);
    } else if (!batches.queue(bytes, to, isReported)) {
      // After what was to go before it.
      batches.flush();
      this.#sendAlone(bytes, to, isReported);
    } else if (!this.#isReceiving && !this.#isFlushDue) {
      this.#isFlushDue = true;
      process.nextTick(this.#flushAtEndOfTurn);
    }
  }

  /** Sends what was gathered, and closes the socket. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#batches?.flush();
    // From here on the descriptor may be another socket's.
    this.#isClosed = true;
    this.#batches = undefined;
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }

  readonly #flushAtEndOfTurn = (): void => {
    this.#isFlushDue = false;
    this.#batches?.flush();
  };

  readonly #isEnded = (): boolean => this.#isClosed;

  #handleMessage(datagram: Buffer, from: RemoteInfo): void {
    const now = clockNow();
    const batches = this.#batches;
    if (batches === undefined) {
      this.#countDatagram();
      this.#receive(now, plainBytes(datagram), from);
      return;
    }
    this.#isReceiving = true;
    this.#receive(now, plainBytes(datagram), from);
    this.#takeWaiting(batches, now, from.port);
    this.#isReceiving = false;
    this.#batches?.flush();
  }

  #receive(now: Instant, bytes: Uint8Array, from: Address): void {
    // RFC 768: port 0 is that of a sender who expects no answer, and there is no answering it.
    if (from.port === 0) return;
    try {
      this.#handler.handleDatagram(now, bytes, from);
    } catch (error) {
      // A fault of ours or of an application: the process hears of it, and the rest of the batch is not lost.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /** @param firstPort whom the datagram came from that Node read. */
  #takeWaiting(batches: DatagramBatches, startedAt: Instant, firstPort: number): void {
    let now = startedAt;
    let port = firstPort;
    let pollUntil: Instant = 0;
    let unanswered = 1;
    const receive = (bytes: Uint8Array, from: Address): void => {
      port = from.port;
      this.#receive(now, bytes, from);
    };
    while (!this.#isClosed && this.#isInTurn(now)) {
      now = clockNow();
      const count = batches.receive(receive, this.#isEnded);
      if (count > 0) {
        unanswered += count;
        // Those of several, or several of one, are answered when there are no more.
        if (count > 1 && !this.#isClosed) batches.flush();
      } else if (unanswered > 0) {
        const sent = batches.flush();
        pollUntil = unanswered === 1 && sent > 0 ? this.#pingPong.handleAnswered(port, now) : 0;
        unanswered = 0;
      } else if (now >= pollUntil) {
        return;
      }
    }
  }

  /** Whether there is time left for batches in this turn of the event loop. */
  #isInTurn(now: Instant): boolean {
    if (this.#turnEndsAt === undefined) {
      this.#turnEndsAt = now + MAX_TURN_MS;
      setImmediate(this.#endTurn);
    }
    return now < this.#turnEndsAt;
  }

  readonly #endTurn = (): void => {
    this.#turnEndsAt = undefined;
  };

  #sendAlone(bytes: Uint8Array, to: Address, isReported: boolean): void {
    // Node tells errors of sending to a callback only, and a callback per datagram costs a quarter: responses have none.
    try {
      if (isReported) this.#socket.send(bytes, to.port, to.address, this.#handleSent);
      else this.#socket.send(bytes, to.port, to.address);
    } catch (error) {
      // What Node refuses itself, as a port of 0.
      if (isReported && error instanceof Error) process.nextTick(() => this.#handler.handleError(error, to));
    }
  }

  readonly #handleSent = (error: Error | null): void => {
    if (error !== null) this.#handler.handleError(error);
  };

  #countDatagram(): void {
    if (++this.#count < RATE_WINDOW) return;
    const now = clockNow();
    const ratePerSecond = (this.#count * 1_000) / (now - this.#countedSince);
    this.#count = 0;
    this.#countedSince = now;
    if (ratePerSecond >= this.#batchingThresholdPerSecond) void this.#startBatching();
  }
}
