import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { decodeUtf8, Utf8Error } from "@isthmus/bytes";
import type { Message } from "@isthmus/exchange";
import { WebSocketServer } from "ws";
import { jsonFormOf } from "../../content/message-form.js";
import type { HubContext } from "../../hub-context.js";
import type { HttpEntrance } from "../../listeners/http-mount.js";
import { Publisher } from "../../publisher.js";
import { checkArgumentNames, parseFlag, parsePublishArguments } from "../requests/publish-arguments.js";
import { RequestRefusedError } from "../requests/request-refusal.js";
import { nameOf, TopicSpace, type TopicTarget } from "../requests/topic-space.js";
import { NDJSON, publishBatch } from "./batch.js";
import { checkConditions, etagOf, hasConditions, isNotModified } from "./conditions.js";
import { EventDoor, type StreamRequest } from "./event-door.js";
import { serveEventSocket } from "./event-socket.js";
import { respondWithEvents } from "./event-stream.js";
import { type HttpCaller, identifyRequest } from "./http-caller.js";
import { HTTP_DEFAULTS, type HttpDoorOptions } from "./http-options.js";
import { headersOf, propertiesOf } from "./message-headers.js";
import { problemOf, respondWithProblem } from "./problem.js";
import { readBody } from "./request-body.js";
import { RequestLimiter } from "./request-limiter.js";
import { formatTopicPath, parseRequestTarget, type RequestTarget } from "./request-target.js";
import { admitWebPage } from "./web-pages.js";

const PUBLISH_ARGUMENTS = ["qos", "retain", "expiry"];
const STREAM_ARGUMENTS = ["retained", "token", "lastEventId"];

/** A request that is being answered. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: RequestTarget;
  readonly caller: HttpCaller;
}

/** `/topics/<topic>` over HTTP: last values, publishing, event streams and WebSockets. */
export class HttpDoor {
  readonly #context: HubContext;
  readonly #path: string;
  readonly #options: HttpDoorOptions;
  readonly #topics: TopicSpace;
  readonly #publisher: Publisher;
  readonly #events: EventDoor;
  readonly #limiter: RequestLimiter;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    // Clients have nothing to say.
    maxPayload: 1024,
  });

  constructor(context: HubContext, path: string, limits: Partial<HttpDoorOptions>, maxTopicLevels: number) {
    this.#context = context;
    this.#path = path;
    this.#options = { ...HTTP_DEFAULTS, ...limits };
    this.#topics = new TopicSpace(context, maxTopicLevels);
    this.#publisher = new Publisher(context, this.#options.maximumBodySize);
    this.#events = new EventDoor(context, this.#topics, this.#options);
    this.#limiter = new RequestLimiter(this.#options.requestRate);
  }

  handleRequest(request: IncomingMessage, response: ServerResponse, entrance: HttpEntrance): void {
    this.#answer(request, response, entrance).catch((error: unknown) => this.#fail(request, response, error));
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, entrance: HttpEntrance): void {
    this.#upgrade(request, socket, head, entrance).catch((error: unknown) => this.#failUpgrade(request, socket, error));
  }

  close(): void {
    this.#events.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse, entrance: HttpEntrance): Promise<void> {
    response.setHeader("message-size-limit", this.#options.maximumBodySize);
    if (admitWebPage(request, response, entrance)) return;
    const target = parseRequestTarget(request, this.#path);
    const token = target.query.get("token") ?? undefined;
    const caller = await identifyRequest(this.#context, request, entrance, token);
    this.#limiter.admit(caller.limitKey, this.#context.clock.tick().monotonic);
    const exchange = { request, response, target, caller };
    if (target.levels === undefined) await this.#answerAll(exchange);
    else await this.#answerTopic(exchange, this.#topics.parse(target.levels));
  }

  /** `/topics` itself: a list of topics, and batches. */
  async #answerAll(exchange: Exchange): Promise<void> {
    switch (exchange.request.method) {
      case "GET":
      case "HEAD":
        this.#list(exchange, "#", ({ topic, payloadBytes, properties, publishedAt }) => ({
          topic,
          payloadBytes,
          contentType: properties?.contentType,
          publishedAt: new Date(publishedAt).toISOString(),
        }));
        return;
      case "POST":
        await this.#publishBatch(exchange);
        return;
      case "OPTIONS":
        respond(exchange, 204, { allow: "GET, HEAD, POST, OPTIONS" });
        return;
      default:
        throw new RequestRefusedError("method-not-allowed", `${exchange.request.method} is not allowed here`);
    }
  }

  async #answerTopic(exchange: Exchange, topic: TopicTarget): Promise<void> {
    const { request } = exchange;
    switch (request.method) {
      case "GET":
      case "HEAD":
        this.#get(exchange, topic);
        return;
      case "PUT":
      case "POST":
        await this.#publish(exchange, nameOf(topic));
        return;
      case "DELETE":
        await this.#clear(exchange, nameOf(topic));
        return;
      case "OPTIONS":
        respond(exchange, 204, { allow: "GET, HEAD, PUT, POST, DELETE, OPTIONS" });
        return;
      default:
        throw new RequestRefusedError("method-not-allowed", `${request.method} is not allowed here`);
    }
  }

  #get(exchange: Exchange, topic: TopicTarget): void {
    const { request, response, caller } = exchange;
    // RFC 9110 12.5.1: who names it wants it.
    const wantsEvents = /\btext\/event-stream\b/i.test(request.headers.accept ?? "");
    response.appendHeader("vary", "Accept");
    if (wantsEvents && request.method === "GET") {
      respondWithEvents(this.#events, this.#streamRequest(exchange, topic), request, response, this.#options);
      return;
    }
    checkArgumentNames(exchange.target.query.keys(), ["token"]);
    if (topic.type === "filter") {
      this.#list(exchange, topic.filter, jsonFormOf);
      return;
    }
    const value = this.#topics.lastValue(caller.identity, topic.name);
    if (value === undefined) throw new RequestRefusedError("not-found", `${topic.name} has no value`);
    this.#respondWithValue(exchange, value);
  }

  #respondWithValue(exchange: Exchange, value: Message): void {
    const { request, response } = exchange;
    const { epoch } = this.#context.clock;
    const validators = {
      etag: etagOf(value),
      "last-modified": new Date(value.publishedAt).toUTCString(),
      "cache-control": cacheControlOf(value, epoch, exchange.caller),
    };
    if (isNotModified(request.headers, value)) {
      respond(exchange, 304, validators);
      return;
    }
    response.writeHead(200, {
      ...headersOf(value),
      ...validators,
      "content-length": value.payloadBytes,
      // What somebody published is no page of the hub's, whatever its type says.
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
    });
    response.end(request.method === "HEAD" ? undefined : value.payload);
  }

  /** Last values as a list in JSON, or what `describe` tells of them. */
  #list({ request, response, caller }: Exchange, filter: string, describe: (message: Message) => unknown): void {
    const { maxListedValues, maxListedBytes } = this.#options;
    const limits = { maxCount: maxListedValues, maxBytes: maxListedBytes };
    const { messages, isTruncated } = this.#topics.lastValues(caller.identity, filter, limits);
    if (isTruncated) {
      throw new RequestRefusedError(
        "malformed",
        `${filter} has more values than the ${messages.length} that go at once: ask for fewer, or for an event stream`,
      );
    }
    const body = `${JSON.stringify(messages.map(describe))}\n`;
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "cache-control": "no-store",
    });
    response.end(request.method === "HEAD" ? undefined : body);
  }

  async #publish(exchange: Exchange, topic: string): Promise<void> {
    const { request, target, caller } = exchange;
    checkArgumentNames(target.query.keys(), PUBLISH_ARGUMENTS);
    const { qos, retain, expiryS } = parsePublishArguments((name) => target.query.get(name) ?? undefined, {
      qos: 1,
      // A PUT says what the state of the topic is, a POST that something has happened.
      retain: request.method === "PUT",
      expiryS: undefined,
    });
    // Before the body: who may not publish need not send it.
    this.#topics.checkWritable(caller.identity, topic);
    const properties = propertiesOf(request);
    const payload = await readBody(request, this.#options.maximumBodySize);
    const before = this.#topics.peek(topic);
    this.#checkConditions(exchange, topic, before);
    await this.#publisher.publish(caller.identity, caller.origin, {
      topic,
      payload,
      qos,
      retain,
      properties,
      ...(expiryS !== undefined && { expiresAt: this.#context.clock.tick().epoch + expiryS * 1000 }),
    });
    const isCreated = retain && before === undefined && payload.length > 0;
    if (isCreated) respond(exchange, 201, { location: formatTopicPath(this.#path, topic), "content-length": 0 });
    else respond(exchange, 204, {});
  }

  async #clear(exchange: Exchange, topic: string): Promise<void> {
    const { identity, origin } = exchange.caller;
    checkArgumentNames(exchange.target.query.keys(), []);
    this.#checkConditions(exchange, topic, this.#topics.peek(topic));
    await this.#publisher.publish(identity, origin, { topic, payload: new Uint8Array(0), qos: 1, retain: true });
    respond(exchange, 204, {});
  }

  async #publishBatch(exchange: Exchange): Promise<void> {
    const { request, response, caller } = exchange;
    const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
    if (type !== NDJSON) throw new RequestRefusedError("unsupported-content", `a batch is ${NDJSON}, not ${type}`);
    const body = await readBody(request, this.#options.maximumBodySize);
    const text = decodeBatch(body);
    const results = await publishBatch(this.#context, this.#publisher, caller, text, this.#options.maxBatchLines);
    response.writeHead(200, { "content-type": NDJSON, "content-length": Buffer.byteLength(results) });
    response.end(results);
  }

  /** @throws RequestRefusedError precondition-failed; forbidden for who may not know the state. */
  #checkConditions({ request, caller }: Exchange, topic: string, before: Message | undefined): void {
    if (!hasConditions(request.headers)) return;
    this.#topics.checkWritable(caller.identity, topic);
    checkConditions(request.headers, before);
  }

  #streamRequest({ request, target, caller }: Omit<Exchange, "response">, topic: TopicTarget): StreamRequest {
    checkArgumentNames(target.query.keys(), STREAM_ARGUMENTS);
    const [header] = request.headersDistinct["last-event-id"] ?? [];
    return {
      filter: topic.type === "filter" ? topic.filter : topic.name,
      caller,
      lastEventId: header ?? target.query.get("lastEventId") ?? undefined,
      wantsRetained: parseFlag("retained", target.query.get("retained") ?? "true"),
    };
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, entrance: HttpEntrance): Promise<void> {
    const target = parseRequestTarget(request, this.#path);
    const token = target.query.get("token") ?? undefined;
    const caller = await identifyRequest(this.#context, request, entrance, token);
    if (target.levels === undefined)
      throw new RequestRefusedError("not-found", "a WebSocket is at a topic or a filter");
    const topic = this.#topics.parse(target.levels);
    const stream = this.#streamRequest({ request, target, caller }, topic);
    this.#events.check(stream);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) =>
      serveEventSocket(this.#events, stream, webSocket, this.#options),
    );
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    // The client is gone, or has its answer: there is nobody to tell.
    if (response.headersSent || response.destroyed) response.destroy();
    else if (respondWithProblem(response, error, request.method === "HEAD")) return;
    if (!request.destroyed) this.#context.log.error({ err: error, url: request.url }, "HTTP request failed");
  }
  #failUpgrade(request: IncomingMessage, socket: Duplex, error: unknown): void {
    const problem = problemOf(error);
    if (problem === undefined) this.#context.log.error({ err: error, url: request.url }, "HTTP upgrade failed");
    const { status, title, detail } = problem ?? { status: 500, title: "Internal Server Error" };
    const body = `${detail ?? title}\n`;
    socket.on("finish", () => socket.destroy());
    socket.end(
      `HTTP/1.1 ${status} ${title}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
}

function respond({ response }: Exchange, status: number, headers: OutgoingHttpHeaders): void {
  response.writeHead(status, headers);
  response.end();
}

/** Fresh as long as its publisher said; else to be asked for each time, which costs a 304 at the least. */
function cacheControlOf({ expiresAt }: Message, now: number, { identity }: HttpCaller): string {
  const scope = identity.user === undefined ? "" : "private, ";
  if (!Number.isFinite(expiresAt)) return `${scope}no-cache`;
  return `${scope}max-age=${Math.max(0, Math.ceil((expiresAt - now) / 1000))}`;
}

function decodeBatch(body: Uint8Array): string {
  try {
    return decodeUtf8(body);
  } catch (cause) {
    if (!(cause instanceof Utf8Error)) throw cause;
    throw new RequestRefusedError("malformed", "the batch is not UTF-8", { cause });
  }
}
