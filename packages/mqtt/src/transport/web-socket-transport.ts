import { concatBytes } from "@isthmus/bytes";
import type { WebSocket } from "ws";
import { LINGER_MS } from "./node-stream-transport.js";
import type { Transport, TransportListener } from "./transport.js";

/** Bytes waiting to leave at which a WebSocket counts as congested. */
const HIGH_WATER_MARK_BYTES = 64 * 1024;
/** Parts that together fit into this are sent as one frame: one copy is cheaper than a header and a write each. */
const GATHER_LIMIT_BYTES = 64 * 1024;
/** RFC 6455 7.4.1: the endpoint got a type of data that it cannot accept. */
const CLOSE_UNSUPPORTED_DATA = 1003;

/** The peer sent a text frame, where MQTT allows binary ones only. [MQTT-6.0.0-1] */
export class WebSocketTextFrameError extends Error {
  override readonly name = "WebSocketTextFrameError";
}

/**
 * A {@link Transport} over an open WebSocket of the `ws` package, of a client or a server (section 6).
 *
 * @example
 * webSocketServer.on("connection", (socket, request) => {
 *   serve(new WebSocketTransport(socket, formatAddress(request.socket.remoteAddress, request.socket.remotePort)));
 * });
 */
export class WebSocketTransport implements Transport {
  readonly remoteAddress: string;
  readonly #socket: WebSocket;
  #listener: TransportListener | undefined;
  #error: Error | undefined;
  #isClosed = false;
  #isEnding = false;
  #isCongested = false;
  #lingerTimer: NodeJS.Timeout | undefined;

  /** @param address of the peer; `ws ` is put in front of it. */
  constructor(socket: WebSocket, address: string) {
    this.#socket = socket;
    this.remoteAddress = `ws ${address}`;
    socket.binaryType = "nodebuffer";
    // Nothing may arrive before there is a listener for it.
    socket.pause();
    socket.on("error", (error) => (this.#error ??= error));
    socket.on("close", () => this.#handleClose());
    this.#isClosed = socket.readyState === socket.CLOSED;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  open(listener: TransportListener): void {
    this.#listener = listener;
    if (this.#isClosed) {
      queueMicrotask(() => listener.handleClose(this.#error));
      return;
    }
    this.#socket.on("message", (data, isBinary) => {
      if (this.#isEnding) return;
      // `binaryType` is "nodebuffer", so a message is one Buffer.
      if (isBinary) listener.receiveBytes(data as Buffer);
      else this.#refuseText();
    });
    this.#socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return false;
    if (socket.bufferedAmount + bytes.length < HIGH_WATER_MARK_BYTES) {
      socket.send(bytes);
      return !this.#isCongested;
    }
    // Only a congested socket pays for a callback: `ws` has no drain event.
    this.#isCongested = true;
    socket.send(bytes, this.#handleSent);
    return false;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    let length = 0;
    for (const part of parts) length += part.length;
    if (length <= GATHER_LIMIT_BYTES) return this.write(concatBytes(parts));
    let isFree = true;
    for (const part of parts) isFree = this.write(part);
    return isFree;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#close();
  }

  destroy(): void {
    this.#socket.terminate();
  }

  #close(code?: number): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    // A paused socket would never see the peer's close frame.
    this.#socket.resume();
    this.#socket.close(code);
    this.#lingerTimer = setTimeout(() => this.#socket.terminate(), LINGER_MS).unref();
  }

  #refuseText(): void {
    this.#error = new WebSocketTextFrameError("a text frame came in; MQTT takes binary frames only");
    this.#close(CLOSE_UNSUPPORTED_DATA);
  }

  readonly #handleSent = (): void => {
    if (!this.#isCongested || this.#isClosed || this.#socket.bufferedAmount >= HIGH_WATER_MARK_BYTES) return;
    this.#isCongested = false;
    this.#listener?.handleDrain();
  };

  #handleClose(): void {
    this.#isClosed = true;
    clearTimeout(this.#lingerTimer);
    this.#listener?.handleClose(this.#error);
  }
}
