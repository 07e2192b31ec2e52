import type { WebSocket } from "ws";
import type { EventDoor, StreamRequest } from "./event-door.js";
import type { EventSink, StreamNotice } from "./event-reader.js";
import type { HttpDoorOptions } from "./http-options.js";

/** RFC 6455 7.4.1: data of a kind that is not taken. */
const UNSUPPORTED_DATA = 1003;
const NORMAL_CLOSURE = 1000;

/**
 * Tells a WebSocket the messages of a filter: a text frame each, in JSON, with `id` for who comes back by
 * `?lastEventId=`. What the stream says of itself has `event` in the place of `topic`.
 */
export function serveEventSocket(
  events: EventDoor,
  request: StreamRequest,
  socket: WebSocket,
  options: HttpDoorOptions,
): void {
  const frames = new EventFrames(socket, options.maxStreamBufferBytes);
  const stream = events.open(request, frames);
  frames.handleRoom = () => stream.reader.pump();
  let isAlive = true;
  const keepAlive = setInterval(() => {
    if (!isAlive) socket.terminate();
    isAlive = false;
    socket.ping();
  }, options.streamKeepAliveMs);
  socket.on("pong", () => (isAlive = true));
  socket.on("message", () => socket.close(UNSUPPORTED_DATA, "this socket only tells: publish with PUT or POST"));
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    clearInterval(keepAlive);
    stream.close();
  });
}

/** What is longer is sent as it is, in a frame of its own: sockets that are slow then wait with the same bytes. */
const MAX_COPIED_BYTES = 16_384;

class EventFrames implements EventSink {
  readonly #socket: WebSocket;
  readonly #maxBufferBytes: number;
  handleRoom: () => void = () => undefined;

  constructor(socket: WebSocket, maxBufferBytes: number) {
    this.#socket = socket;
    this.#maxBufferBytes = maxBufferBytes;
  }

  get isRoomy(): boolean {
    return this.#socket.bufferedAmount < this.#maxBufferBytes && this.#socket.readyState === this.#socket.OPEN;
  }

  sendMessage(json: Buffer, id: string | undefined): void {
    if (id === undefined) {
      this.#send(json);
      return;
    }
    // Both are objects: the identifier goes in front of what is in there.
    const head = `{"id":${JSON.stringify(id)},`;
    const rest = json.subarray(1);
    if (rest.length <= MAX_COPIED_BYTES) {
      this.#send(`${head}${rest.toString()}`);
      return;
    }
    this.#socket.send(head, { fin: false });
    this.#send(rest);
  }

  sendPosition(id: string): void {
    this.#send(JSON.stringify({ event: "position", id }));
  }

  sendNotice(name: StreamNotice, detail: Readonly<Record<string, unknown>>): void {
    this.#send(JSON.stringify({ event: name, ...detail }));
  }

  end(): void {
    this.#socket.close(NORMAL_CLOSURE);
  }

  #send(text: string | Buffer): void {
    const wasRoomy = this.isRoomy;
    this.#socket.send(text, { binary: false }, () => {
      if (!wasRoomy || this.isRoomy) this.handleRoom();
    });
  }
}
