import { encodeUtf8 } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import { Code } from "../codec/codes.js";
import { Option, type OptionKey } from "../codec/option-definitions.js";
import { Format } from "../media/media-codec.js";
import { link } from "../media/link-format.js";
import { links, representation } from "../media/representation.js";
import { CoapError } from "../server/coap-error.js";
import { changed, content, created } from "../server/reply.js";
import { type CoapServer, createServer } from "../server/server.js";
import type { ServerRequest } from "../server/server-request.js";

/** How the plug test server keeps time; tests have clocks of their own. */
export interface PlugtestOptions {
  /** Default: the clock of all transports. */
  readonly now?: () => Instant;
  /** Calls back after so many milliseconds; returns how to prevent it. Default: setTimeout. */
  readonly schedule?: (milliseconds: number, callback: () => void) => () => void;
  /** Milliseconds between two states of the observable resources. Default 5,000. */
  readonly observeIntervalMs?: number;
  /** Milliseconds that `/separate` takes to answer. Default 2,000. */
  readonly separateDelayMs?: number;
}

/** A server with the resources of ETSI's CoAP plug tests. */
export interface PlugtestServer {
  readonly server: CoapServer;
  /** Stops what changes by itself. */
  close(): void;
}

/** What is stored at a path that can be written. */
interface Document {
  readonly payload: Uint8Array;
  readonly contentFormat: number;
}

/** The server that the test descriptions ask for (TD_COAP_CORE, BLOCK, OBS and LINK). */
export function createPlugtestServer(options: PlugtestOptions = {}): PlugtestServer {
  const server = createServer(options.now === undefined ? {} : { now: options.now });
  const schedule = options.schedule ?? scheduleByTimeout;
  addCore(server, schedule, options.separateDelayMs ?? 2_000);
  addBlock(server);
  addLinks(server);
  const stops = observables.map((observable) =>
    addObservable(server, observable, schedule, options.observeIntervalMs ?? 5_000),
  );
  return { server, close: () => stops.forEach((stop) => stop()) };
}

/** TD_COAP_CORE. */
function addCore(server: CoapServer, schedule: Required<PlugtestOptions>["schedule"], separateDelayMs: number): void {
  const test = document("the default resource of the plug tests");
  server.resource("/test", {
    ...test,
    // CORE_18.
    post: () => created("/location1/location2/location3"),
    attributes: { rt: "Type1 Type2", if: "If1", title: "Default test resource" },
  });
  // LINK_10: another way to the same.
  server.resource("/alternate", { get: test.get, attributes: { anchor: "/test", rel: "alternate" } });
  server.get("/separate", (request) => later(schedule, separateDelayMs, () => describe(request)), {
    attributes: { title: "Answers separately" },
  });
  server.get("/seg1/seg2/seg3", describe, { attributes: { title: "Long path" } });
  server.get("/query", describe, { attributes: { title: "Takes a query" } });
  server.post("/location-query", () => created("/location-query?first=1&second=2"));
  server.get("/multi-format", multiFormat, { attributes: { ct: [Format.TEXT, Format.XML], title: "Text and XML" } });
  server.resource("/validate", {
    ...document("state 0"),
    hasContentEtag: true,
    maxAge: 30,
    attributes: { title: "Varies" },
  });
  for (const path of ["/create1", "/create2", "/create3"]) server.resource(path, { ...document(), isListed: false });
}

/** TD_COAP_BLOCK. */
function addBlock(server: CoapServer): void {
  server.get("/large", () => largeText(), { attributes: { rt: "block", sz: 1_280 } });
  server.resource("/large-update", { ...document(largeText()), attributes: { rt: "block", sz: 1_280 } });
  let count = 0;
  server.post("/large-create", (request) => {
    const path = `/large-create/${++count}`;
    server.resource(path, { ...document(request.payload), isListed: false });
    return created(path);
  });
  // BLOCK_05: large both ways.
  server.post("/large-post", (request) => changed(largeText().replaceAll("0", String.fromCharCode(65 + (request.payload.length % 26))))); // prettier-ignore
}

/** TD_COAP_LINK: groups of resources with all kinds of attributes. */
function addLinks(server: CoapServer): void {
  const attributes = [{ rt: "Type1 Type2", if: "If1" }, { rt: "Type2 Type3", if: "If2" }, { rt: "Type1 Type3", if: "foo" }]; // prettier-ignore
  for (const [index, of] of attributes.entries()) server.get(`/link${index + 1}`, describe, { attributes: of });
  server.get("/link4", describe, { attributes: { rt: "" } });
  const parts = ["/path/sub1", "/path/sub2", "/path/sub3"];
  server.get("/path", () => links(parts.map((path) => link(path))), { attributes: { ct: Format.LINKS } });
  for (const path of parts) server.get(path, describe, { isListed: false });
}

/** What is observed, and what it says in its state number `count`. */
interface Observable {
  readonly path: string;
  readonly title: string;
  readonly text: (count: number) => string;
}

const observables: readonly Observable[] = [
  { path: "/obs", title: "Notifies Confirmably", text: (count) => `/obs ${count}` },
  { path: "/obs-non", title: "Notifies Non-confirmably", text: (count) => `/obs-non ${count}` },
  // OBS_13, OBS_14: always of several blocks, and of several or one.
  { path: "/obs-large", title: "Large", text: (count) => `${count}${largeText()}` },
  { path: "/obs-pumping", title: "Large and small", text: (count) => (count % 2 === 0 ? `${count}${largeText()}` : `${count}`) }, // prettier-ignore
];

/** TD_COAP_OBS: it changes by itself and by PUT; DELETE takes it away until the next change. */
function addObservable(
  server: CoapServer,
  { path, title, text }: Observable,
  schedule: Required<PlugtestOptions>["schedule"],
  intervalMs: number,
): () => void {
  let state: Document | undefined;
  let count = 0;
  const isConfirmable = path !== "/obs-non";
  const resource = server.resource(path, {
    get: () => {
      if (state === undefined) throw new CoapError(Code.NOT_FOUND);
      // A client that hears nothing for so long registers again (OBS_04).
      const maxAge = Math.ceil(intervalMs / 1_000);
      return content(representation(state.payload, state.contentFormat), { maxAge, isConfirmable });
    },
    put: (request) => {
      state = documentOf(request);
      resource.notify();
    },
    delete: () => {
      state = undefined;
      resource.notify();
    },
    isObservable: true,
    attributes: { rt: "observe", title },
  });
  let stop = (): void => {};
  const change = (): void => {
    state = { payload: encodeUtf8(text(count++)), contentFormat: Format.TEXT };
    resource.notify();
    stop = schedule(intervalMs, change);
  };
  change();
  return () => stop();
}

/** A resource that is read and written; one without a payload does not exist at first. */
function document(initial?: string | Uint8Array) {
  const payload = typeof initial === "string" ? encodeUtf8(initial) : initial;
  let state: Document | undefined = payload && { payload, contentFormat: Format.TEXT };
  return {
    get: () => {
      if (state === undefined) throw new CoapError(Code.NOT_FOUND);
      return representation(state.payload, state.contentFormat);
    },
    put: (request: ServerRequest) => {
      const isNew = state === undefined;
      state = documentOf(request);
      return isNew ? created() : changed();
    },
    delete: () => {
      state = undefined;
    },
  };
}

function documentOf({ payload, contentFormat = Format.TEXT }: ServerRequest): Document {
  return { payload: payload.slice(), contentFormat };
}

/** What the server understood: "GET /query?first=1 (Accept 0)". */
function describe(request: ServerRequest): string {
  const query = request.query.arguments.join("&");
  const shown: readonly OptionKey[] = ["ACCEPT", "CONTENT_FORMAT"];
  const seen = shown.map((key) => [key, request.options.uint(Option[key])]).filter(([, value]) => value !== undefined);
  const options = seen.map(([key, value]) => `${key} ${value}`).join(", ");
  return `${request.method} ${request.path}${query && `?${query}`}${options && ` (${options})`}`;
}

/** CORE_20: one state in two formats. */
function multiFormat({ accept = Format.TEXT }: ServerRequest): unknown {
  return accept === Format.XML
    ? representation({ plugtest: { format: "application/xml" } }, Format.XML)
    : representation("plugtest: text/plain", Format.TEXT);
}

/** 1280 bytes in lines of 64. */
function largeText(): string {
  const line = (index: number): string => `${String(index).padStart(2, "0")}${"0123456789".repeat(7)}`.slice(0, 63);
  return Array.from({ length: 20 }, (_, index) => `${line(index)}\n`).join("");
}

function later<T>(schedule: Required<PlugtestOptions>["schedule"], milliseconds: number, make: () => T): Promise<T> {
  return new Promise((resolve) => schedule(milliseconds, () => resolve(make())));
}

function scheduleByTimeout(milliseconds: number, callback: () => void): () => void {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
}
