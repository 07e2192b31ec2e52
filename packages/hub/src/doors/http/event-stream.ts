import type { IncomingMessage, ServerResponse } from "node:http";
import type { EventDoor, StreamRequest } from "./event-door.js";
import type { EventSink, StreamNotice } from "./event-reader.js";
import type { HttpDoorOptions } from "./http-options.js";

/**
 * Answers with an event stream (HTML, 9.2 Server-sent events): a message an event, in JSON; `id` for Last-Event-ID.
 *
 * @throws RequestRefusedError when there is to be no stream.
 */
export function respondWithEvents(
  events: EventDoor,
  request: StreamRequest,
  incoming: IncomingMessage,
  response: ServerResponse,
  options: HttpDoorOptions,
): void {
  // The client has left while it was asked who it is: nothing would tell that there is a stream to close.
  if (response.destroyed) return;
  events.check(request);
  response.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    // For proxies that would gather events before they pass them on.
    "x-accel-buffering": "no",
  });
  response.flushHeaders();
  const stream = events.open(request, new ServerSentEvents(response, options.maxStreamBufferBytes));
  // A comment: what is between the two does not take the connection for dead, and who is gone is noticed.
  const keepAlive = setInterval(() => {
    // It has ended, and the client does not read so far.
    if (response.writableEnded) response.destroy();
    else response.write(":\n\n");
  }, options.streamKeepAliveMs);
  response.on("drain", () => stream.reader.pump());
  response.on("close", () => {
    clearInterval(keepAlive);
    stream.close();
  });
  incoming.resume();
}

/** What is longer is written as it is: streams that are slow then wait with the same bytes, not a copy each. */
const MAX_COPIED_BYTES = 16_384;

class ServerSentEvents implements EventSink {
  readonly #response: ServerResponse;
  readonly #maxBufferBytes: number;

  constructor(response: ServerResponse, maxBufferBytes: number) {
    this.#response = response;
    this.#maxBufferBytes = maxBufferBytes;
  }

  get isRoomy(): boolean {
    return this.#response.writableLength < this.#maxBufferBytes && !this.#response.writableEnded;
  }

  sendMessage(json: Buffer, id: string | undefined): void {
    // JSON has no line break of its own: one line of data is enough.
    const head = id === undefined ? "data: " : `id: ${id}\ndata: `;
    if (json.length <= MAX_COPIED_BYTES) {
      this.#response.write(`${head}${json.toString()}\n\n`);
      return;
    }
    this.#response.write(head);
    this.#response.write(json);
    this.#response.write("\n\n");
  }

  sendPosition(id: string): void {
    this.#response.write(`id: ${id}\n\n`);
  }

  sendNotice(name: StreamNotice, detail: Readonly<Record<string, unknown>>): void {
    // It may have ended for another reason.
    if (!this.#response.writableEnded) this.#response.write(`event: ${name}\ndata: ${JSON.stringify(detail)}\n\n`);
  }

  end(): void {
    this.#response.end();
  }
}
