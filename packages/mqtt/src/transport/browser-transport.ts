import { concatBytes } from "@isthmus/bytes";
import type { Transport, TransportListener } from "./transport.js";

/** Bytes waiting to leave at which a WebSocket counts as congested. */
const HIGH_WATER_MARK_BYTES = 64 * 1024;
/** A browser does not tell when a WebSocket has drained: it has to be asked. */
const DRAIN_POLL_MS = 20;
/** Bytes that may come in while paused: a browser cannot stop its WebSocket from reading. */
const PAUSED_LIMIT_BYTES = 16 * 1024 * 1024;

/** A {@link Transport} over an open `WebSocket` of a browser (or of Node, Deno, Bun, a worker). */
export class BrowserTransport implements Transport {
  readonly remoteAddress: string;
  readonly #socket: WebSocket;
  #listener: TransportListener | undefined;
  #error: Error | undefined;
  #isClosed = false;
  #isEnding = false;
  #isPaused = true;
  /** What came in while paused. */
  #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.remoteAddress = `ws ${new URL(socket.url).host}`;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", ({ code, wasClean }) => {
      if (!wasClean) this.#error ??= new Error(`the WebSocket closed with code ${code}`);
      this.#handleClose();
    });
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  open(listener: TransportListener): void {
    this.#listener = listener;
    if (this.#isClosed) queueMicrotask(() => listener.handleClose(this.#error));
    else this.resume();
  }

  write(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (this.#isClosed || socket.readyState !== socket.OPEN) return false;
    // The library makes views on plain ArrayBuffers only, never on shared memory.
    // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- the types of browsers ask for it
    socket.send(bytes as Uint8Array<ArrayBuffer>);
    if (socket.bufferedAmount < HIGH_WATER_MARK_BYTES && this.#drainTimer === undefined) return true;
    this.#drainTimer ??= setTimeout(() => this.#checkDrained(), DRAIN_POLL_MS);
    return false;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    return this.write(concatBytes(parts));
  }

  pause(): void {
    this.#isPaused = !this.#isEnding;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#inbox.length > 0) queueMicrotask(() => this.#deliver());
  }

  end(): void {
    this.#isEnding = true;
    this.#inbox = [];
    this.#socket.close(1000);
  }

  destroy(): void {
    this.#isEnding = true;
    this.#inbox = [];
    this.#socket.close();
    // The closing handshake of a dead connection takes minutes.
    queueMicrotask(() => this.#handleClose());
  }

  #receive(data: unknown): void {
    if (this.#isEnding) return;
    if (!(data instanceof ArrayBuffer)) {
      // [MQTT-6.0.0-1]
      this.#fail(new Error("a text frame came in; MQTT takes binary frames only"));
      return;
    }
    this.#inbox.push(new Uint8Array(data));
    this.#inboxBytes += data.byteLength;
    if (this.#inboxBytes > PAUSED_LIMIT_BYTES && this.#isPaused) {
      this.#fail(new Error(`${this.#inboxBytes} bytes came in while nobody read`));
    } else this.#deliver();
  }

  #deliver(): void {
    let count = 0;
    for (; count < this.#inbox.length && !this.#isPaused; count++) {
      const chunk = this.#inbox[count];
      if (!chunk) break;
      this.#inboxBytes -= chunk.length;
      this.#listener?.receiveBytes(chunk);
    }
    this.#inbox.splice(0, count);
  }

  #checkDrained(): void {
    this.#drainTimer = undefined;
    if (this.#isClosed) return;
    if (this.#socket.bufferedAmount < HIGH_WATER_MARK_BYTES) this.#listener?.handleDrain();
    else this.#drainTimer = setTimeout(() => this.#checkDrained(), DRAIN_POLL_MS);
  }

  #fail(error: Error): void {
    this.#error = error;
    this.destroy();
  }

  #handleClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#drainTimer);
    this.#listener?.handleClose(this.#error);
  }
}
