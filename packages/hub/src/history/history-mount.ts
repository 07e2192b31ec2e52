import type { IncomingMessage, ServerResponse } from "node:http";
import { identifyRequest } from "../doors/http/http-caller.js";
import { respondWithProblem } from "../doors/http/problem.js";
import { parseRequestTarget } from "../doors/http/request-target.js";
import { admitWebPage } from "../doors/http/web-pages.js";
import { checkArgumentNames } from "../doors/requests/publish-arguments.js";
import { RequestRefusedError } from "../doors/requests/request-refusal.js";
import { TopicSpace } from "../doors/requests/topic-space.js";
import type { HubContext } from "../hub-context.js";
import type { HttpEntrance, HttpHandler, HttpMount } from "../listeners/http-mount.js";
import { HISTORY_FORMATS, type HistoryFormat, type HistoryPage } from "./history-format.js";
import type { History, HistoryEntry } from "./history.js";

/** What a query may say. */
const ARGUMENTS = ["from", "to", "last", "after", "limit", "format"];
const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 10_000;
/** Bytes of payloads in one answer. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/**
 * The history over HTTP: `GET /history/TOPIC`, where the topic may be a filter.
 *
 * `?from=` and `?to=` bound the time (RFC 3339, or milliseconds since 1970), `?last=N` takes the newest, `?limit=` and
 * `?after=NUMBER` go through in pages, `?format=` is json, ndjson or csv, as Accept says as well.
 */
export class HistoryMount implements HttpMount {
  readonly path = "/history";
  readonly #context: HubContext;
  readonly #history: History;
  readonly #topics: TopicSpace;

  /** @param maxTopicLevels levels of a topic or a filter at the most. */
  constructor(context: HubContext, history: History, maxTopicLevels: number) {
    this.#context = context;
    this.#history = history;
    this.#topics = new TopicSpace(context, maxTopicLevels);
  }

  async load(): Promise<HttpHandler> {
    return (request, response, entrance) => {
      this.#answer(request, response, entrance).catch((error: unknown) => {
        if (!respondWithProblem(response, error, request.method === "HEAD")) {
          this.#context.log.error({ err: error, url: request.url }, "HTTP request failed");
        }
      });
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse, entrance: HttpEntrance): Promise<void> {
    if (admitWebPage(request, response, entrance)) return;
    if (request.method !== "GET" && request.method !== "HEAD") {
      throw new RequestRefusedError("method-not-allowed", "the history is read");
    }
    const { levels, query } = parseRequestTarget(request, this.path);
    checkArgumentNames(query.keys(), ARGUMENTS);
    if (levels === undefined) throw new RequestRefusedError("malformed", "which topic? As /history/house/%23");
    const { identity } = await identifyRequest(this.#context, request, entrance);
    const target = this.#topics.parse(levels);
    const filter = target.type === "topic" ? target.name : target.filter;
    this.#topics.checkReadable(identity, filter);
    const format = formatOf(query.get("format"), request.headers.accept);
    const page = this.#page(filter, query, (topic) => this.#topics.mayRead(identity, topic));
    this.#send(request, response, page, format);
  }

  #page(filter: string, query: URLSearchParams, mayRead: (topic: string) => boolean): HistoryPage {
    const limit = numberOf(query, "limit", 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
    const last = numberOf(query, "last", 1, MAX_LIMIT);
    const entries: HistoryEntry[] = [];
    let payloadBytes = 0;
    let next: number | undefined;
    this.#context.clock.tick();
    const after = numberOf(query, "after", 0, Number.MAX_SAFE_INTEGER);
    for (const entry of this.#history.read({
      filter,
      from: timeOf(query, "from"),
      to: timeOf(query, "to"),
      last,
      after,
    })) {
      if (!mayRead(entry.message.topic)) continue;
      payloadBytes += entry.message.payloadBytes;
      if (entries.length === limit || (payloadBytes > MAX_PAGE_BYTES && entries.length > 0)) {
        next = entries.at(-1)?.number;
        break;
      }
      entries.push(entry);
    }
    const topics = this.#history.summaries(filter).filter(({ topic }) => mayRead(topic));
    return { filter, entries, topics, next };
  }

  #send(request: IncomingMessage, response: ServerResponse, page: HistoryPage, format: HistoryFormat): void {
    const dropped = page.topics.reduce((sum, topic) => sum + topic.dropped, 0);
    const body = format.render(page);
    response.writeHead(200, {
      "content-type": format.mediaType,
      "content-length": Buffer.byteLength(body),
      "cache-control": "no-store",
      "history-dropped": String(dropped),
      ...(page.next !== undefined && { "history-next": String(page.next), link: nextLink(request, page.next) }),
    });
    response.end(request.method === "HEAD" ? undefined : body);
  }
}

/** RFC 8288: the same question, from where this page ends. */
function nextLink({ url = "" }: IncomingMessage, next: number): string {
  const [path = "", search = ""] = url.split("?");
  const query = new URLSearchParams(search);
  query.set("after", String(next));
  return `<${path}?${query.toString()}>; rel="next"`;
}

function formatOf(name: string | null, accept = "*/*"): HistoryFormat {
  const formats = Object.entries(HISTORY_FORMATS);
  if (name !== null) {
    const named = HISTORY_FORMATS[name];
    if (named !== undefined) return named;
    throw new RequestRefusedError("malformed", `format is ${Object.keys(HISTORY_FORMATS).join(", ")}, not "${name}"`);
  }
  const wanted = accept.split(",").map((range) => (range.split(";")[0] ?? "").trim().toLowerCase());
  for (const range of wanted) {
    const found = formats.find(([, { mediaType }]) => matches(range, mediaType.split(";")[0] ?? ""));
    if (found !== undefined) return found[1];
  }
  throw new RequestRefusedError(
    "not-acceptable",
    `the history is ${formats.map(([, { mediaType }]) => mediaType).join(" or ")}`,
  );
}

function matches(range: string, mediaType: string): boolean {
  return range === "*/*" || range === mediaType || (range.endsWith("/*") && mediaType.startsWith(range.slice(0, -1)));
}

function numberOf(query: URLSearchParams, name: string, min: number, max: number): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= min && number <= max) return number;
  throw new RequestRefusedError("malformed", `${name} is a number from ${min} to ${max}, not "${text}"`);
}

/** Milliseconds since 1970. */
function timeOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const at = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(at)) return at;
  throw new RequestRefusedError(
    "malformed",
    `${name} is a time as 2026-01-31T12:00:00Z, or milliseconds, not "${text}"`,
  );
}
