import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Code,
  type CoapClient,
  type CoapResponse,
  createClient,
  type DatagramMessage,
  decodeDatagram,
  encodeDatagram,
  MessageType,
  type Method,
  type ObserveOptions,
  Option,
  Options,
  type RequestOptions,
} from "@isthmus/coap";
import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import { MemoryStore } from "@isthmus/exchange";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connect } from "@isthmus/mqtt";
import { hashPassword } from "../src/access/passwords/password-secret.js";
import { createHub, type Hub, type HubOptions } from "../src/index.js";

// Our own client over real UDP on loopback; those of others are in doors-matrix.test.ts.
let hub: Hub;
let coap: CoapClient;

async function start(options: HubOptions = {}): Promise<void> {
  hub = await createHub({ mqtt: { port: 0 }, coap: { port: 0 }, ...options });
}

async function restart(options: HubOptions): Promise<void> {
  await hub.close();
  await start(options);
}

beforeEach(async () => {
  coap = createClient();
  await start();
});
afterEach(async () => {
  await coap.close();
  await hub.close();
});

function uri(path: string): string {
  return `${hub.coap?.url}${path}`;
}

async function ask(method: Method, path: string, options: RequestOptions = {}): Promise<CoapResponse> {
  return coap.request(uri(path), { method, ...options });
}

async function put(path: string, body: string | Uint8Array, contentFormat?: number): Promise<string> {
  const response = await ask("PUT", path, { body, ...(contentFormat !== undefined && { contentFormat }) });
  return response.status;
}

/** The next so many states of an observation, the first among them. */
async function* observing(path: string, options: ObserveOptions = {}): AsyncGenerator<CoapResponse, void> {
  yield* coap.observe(uri(path), options);
}

async function next(states: AsyncGenerator<CoapResponse, void>): Promise<CoapResponse> {
  const { value } = await states.next();
  if (value === undefined) throw new Error("the observation is over");
  return value;
}

describe("a topic as a resource", () => {
  test("a PUT creates its value, another changes it, a GET gives it, a DELETE clears it", async () => {
    expect((await ask("GET", "/t/house/kitchen/temperature")).status).toBe("4.04");
    expect(await put("/t/house/kitchen/temperature", "21.5", 0)).toBe("2.01");
    expect(await put("/t/house/kitchen/temperature", "22", 0)).toBe("2.04");
    const value = await ask("GET", "/t/house/kitchen/temperature");
    expect([value.status, value.contentFormat, value.text()]).toEqual(["2.05", 0, "22"]);
    expect((await ask("DELETE", "/t/house/kitchen/temperature")).status).toBe("2.02");
    expect((await ask("GET", "/t/house/kitchen/temperature")).status).toBe("4.04");
    expect((await ask("DELETE", "/t/house/kitchen/temperature")).status).toBe("2.02");
  });

  test("a POST is an event: it is published and leaves the value as it is, unless it says otherwise", async () => {
    await put("/t/door", "closed", 0);
    expect((await ask("POST", "/t/door", { body: "knock" })).status).toBe("2.04");
    expect((await ask("GET", "/t/door")).text()).toBe("closed");
    expect((await ask("POST", "/t/door?retain", { body: "open" })).status).toBe("2.04");
    expect((await ask("GET", "/t/door")).text()).toBe("open");
    expect((await ask("PUT", "/t/door?retain=false", { body: "ajar" })).status).toBe("2.04");
    expect((await ask("GET", "/t/door")).text()).toBe("open");
  });

  test("a message goes to MQTT subscribers with its content type, QoS and expiry", async () => {
    const client = await connect(hub.mqtt?.url ?? "");
    const received = await client.subscribe("a/#", { qos: 2 });
    await ask("PUT", "/t/a/1?qos=2&expiry=60", { body: encodeUtf8("{}"), contentFormat: 50 });
    for await (const message of received) {
      expect(message).toMatchObject({ topic: "a/1", qos: 2, properties: { contentType: "application/json" } });
      break;
    }
    await client.close();
  });

  test("levels are the path's segments, decoded: empty ones, spaces, and what a URI must encode", async () => {
    for (const [path, topic] of [
      ["/t//a", "/a"],
      ["/t/a/", "a/"],
      ["/t/a%20b/%C3%A9/%25", "a b/é/%"],
      ["/t/a//b", "a//b"],
    ] as const) {
      expect(await put(path, topic)).toBe("2.01");
      expect(decodeUtf8(hub.exchange.retained.get(topic)?.payload ?? new Uint8Array())).toBe(topic);
      expect((await ask("GET", path)).text()).toBe(topic);
    }
  });

  test.each<[what: string, method: Method, path: string, status: string, diagnostic: string]>([
    ["a slash within a level", "PUT", "/t/a%2Fb", "4.00", "a level of a topic holds no slash"],
    ["a filter", "PUT", "/t/a/%23", "4.00", "a/# is a filter: it can be read and observed"],
    ["half a filter", "PUT", "/t/a%2B/b", "4.00", 'the topic name "a+/b" holds a wildcard'],
    ["no topic at all", "PUT", "/t/", "4.00", "a topic name has at least one character"],
    ["the hub's own topics", "PUT", "/t/$SYS/broker/uptime", "4.03", "$SYS/broker/uptime may not be published to"],
    ["an unknown argument", "PUT", "/t/a?retian", "4.00", 'there is no argument "retian": qos, retain, expiry, user'],
    ["a QoS of 3", "PUT", "/t/a?qos=3", "4.00", 'qos is 0, 1 or 2, not "3"'],
    ["no expiry", "PUT", "/t/a?expiry=0", "4.00", 'expiry is a number of seconds from 1 to 4294967295, not "0"'],
    ["another method", "FETCH", "/t/a", "4.05", "FETCH is not allowed here"],
  ])("%s is refused", async (_what, method, path, status, diagnostic) => {
    const response = await ask(method, path, { body: "1" });
    expect([response.status, response.text()]).toEqual([status, expect.stringContaining(diagnostic)]);
  });

  test("entity-tags: 2.03 when it is the same, 4.12 when it is another", async () => {
    await put("/t/a", "1", 0);
    const { etag = new Uint8Array() } = await ask("GET", "/t/a");
    expect((await ask("GET", "/t/a", { etags: [etag] })).status).toBe("2.03");
    expect((await ask("PUT", "/t/a", { body: "2", contentFormat: 0, ifMatch: [etag] })).status).toBe("2.04");
    expect((await ask("PUT", "/t/a", { body: "3", contentFormat: 0, ifMatch: [etag] })).status).toBe("4.12");
    expect((await ask("DELETE", "/t/a", { ifMatch: [etag] })).status).toBe("4.12");
    expect((await ask("PUT", "/t/a", { body: "3", ifNoneMatch: true })).status).toBe("4.12");
    expect((await ask("PUT", "/t/b", { body: "3", ifNoneMatch: true })).status).toBe("2.01");
  });

  test("Max-Age is the expiry of what is published, and what is left of it when it is read", async () => {
    await ask("PUT", "/t/a", { body: "1", options: [[Option.MAX_AGE, 300]] });
    const value = await ask("GET", "/t/a");
    expect(value.maxAge).toBeGreaterThan(290);
    expect(value.maxAge).toBeLessThanOrEqual(300);
  });

  test("Accept: as it is, as SenML, as bytes; as text or JSON when nobody said what it is", async () => {
    await put("/t/a", encodeUtf8("21.5"));
    const formats = await Promise.all([110, 42, 0, 50].map((accept) => ask("GET", "/t/a", { accept })));
    expect(formats.map(({ contentFormat }) => contentFormat)).toEqual([110, 42, 0, 50]);
    expect(JSON.parse(formats[0]?.text() ?? "")).toMatchObject([{ n: "a", v: 21.5 }]);
    expect((await ask("GET", "/t/a", { accept: 60 })).status).toBe("4.06");
    await put("/t/a", "21.5", 50);
    expect((await ask("GET", "/t/a", { accept: 0 })).status).toBe("4.06");
  });

  test("2.04 leaves only after the message is stored", async () => {
    const store = new MemoryStore({ durability: "sync" });
    await restart({ store });
    expect(await put("/t/a", "1")).toBe("2.01");
    expect([...store.crash().range("retained", [])]).toHaveLength(1);
  });

  test("a megabyte goes in blocks both ways, and a body beyond the limit is refused with the limit", async () => {
    const body = new Uint8Array(2 ** 20).map((_, index) => index * 7);
    expect(await put("/t/large", body, 42)).toBe("2.01");
    expect((await ask("GET", "/t/large")).payload).toEqual(body);
    await restart({ coap: { port: 0, limits: { maximumBodySize: 1000 } } });
    const refused = await ask("PUT", "/t/large", { body: new Uint8Array(1001) });
    expect([refused.status, refused.options.uint(Option.SIZE1)]).toEqual(["4.13", 1000]);
  });
});

describe("an observer", () => {
  test("of a topic gets its value, then each new one, from whatever door, until it is cleared and beyond", async () => {
    await put("/t/a", "1", 0);
    const states = observing("/t/a");
    expect((await next(states)).text()).toBe("1");
    const client = await connect(hub.mqtt?.url ?? "");
    await client.publish("a", "2", { qos: 1 });
    expect((await next(states)).text()).toBe("2");
    await ask("DELETE", "/t/a");
    expect((await next(states)).payload).toHaveLength(0);
    await put("/t/a", "3", 0);
    expect((await next(states)).text()).toBe("3");
    await client.close();
    await states.return();
  });

  test("of a topic without a value waits for the first", async () => {
    const states = observing("/t/a");
    const first = await next(states);
    expect([first.status, first.payload]).toEqual(["2.05", new Uint8Array()]);
    await put("/t/a", "1");
    expect((await next(states)).text()).toBe("1");
    await states.return();
  });

  test("hears 4.06 when the topic is in another Content-Format, and has to ask anew (RFC 7641 4.2)", async () => {
    await put("/t/a", "1", 0);
    const states = observing("/t/a");
    await next(states);
    await put("/t/a", "1", 50);
    expect((await next(states)).status).toBe("4.06");
    expect(hub.exchange.subscriptionCount).toBe(0);
    await states.return();
  });

  test("of a filter is told which topic, as it asked: SenML, JSON, CBOR", async () => {
    await put("/t/house/hall/temperature", "20", 0);
    for (const accept of [undefined, 110, 112, 50, 60]) {
      const states = observing("/t/house/+/temperature", accept === undefined ? {} : { accept });
      const first = await next(states);
      expect(first.contentFormat).toBe(accept ?? 110);
      expect(topicsOf(first)).toEqual(["house/hall/temperature"]);
      await put("/t/house/attic/light", "on");
      await put("/t/house/attic/temperature", "30", 0);
      expect(topicsOf(await next(states))).toEqual(["house/attic/temperature"]);
      await ask("DELETE", "/t/house/attic/temperature");
      await states.return();
    }
  });

  test("of a filter that matches too much is told so, and may do without what is there", async () => {
    await restart({ coap: { port: 0, limits: { maxListedValues: 1 } } });
    await put("/t/a/1", "1");
    await put("/t/a/2", "2");
    const refused = await ask("GET", "/t/a/+");
    expect([refused.status, refused.text()]).toEqual(["4.00", expect.stringContaining("more values than the 1")]);
    const states = observing("/t/a/+?retained=false");
    expect((await next(states)).text()).toBe("[]");
    await put("/t/a/3", "3");
    expect(topicsOf(await next(states))).toEqual(["a/3"]);
    await states.return();
  });

  test("of a filter is told all topics, however many change while a notification is on its way", async () => {
    const states = observing("/t/a/%23");
    await next(states);
    const client = await connect(hub.mqtt?.url ?? "");
    const topics = Array.from({ length: 200 }, (_, index) => `a/${index}`);
    await Promise.all(topics.map((topic) => client.publish(topic, "x".repeat(20), { qos: 1 })));
    const told = new Set<unknown>();
    while (told.size < topics.length) for (const topic of topicsOf(await next(states))) told.add(topic);
    expect(told).toEqual(new Set(topics));
    await client.close();
    await states.return();
  });

  test("who registers again, as clients do when Max-Age is over, goes on being told (RFC 7641 3.3.1)", async () => {
    const peer = await RawPeer.open();
    for (const count of [1, 2]) {
      peer.observe(MessageType.NON, ["t", "a"]);
      await expect.poll(() => peer.told).toHaveLength(count);
    }
    await put("/t/a", "1");
    await expect.poll(() => peer.payloads).toEqual(["", "", "1"]);
    expect(hub.exchange.subscriptionCount).toBe(1);
    peer.close();
  });

  test("who does not acknowledge gets the newest of each topic later, and of so many topics", async () => {
    await restart({ coap: { port: 0, limits: { maxWaitingTopics: 3 } } });
    const peer = await RawPeer.open();
    peer.observe(MessageType.CON, ["t", "+"]);
    await expect.poll(() => peer.told).toHaveLength(1);
    for (const [topic, text] of ["a1", "b1", "c1", "d1", "e1", "d2"].map((each) => [each[0], each] as const)) {
      await put(`/t/${topic}`, text);
      // The first goes out, and is not acknowledged.
      await expect.poll(() => peer.told.length).toBeGreaterThan(1);
    }
    expect(hub.metrics.messagesDropped["slow-receiver"]).toBe(1);
    peer.answer(MessageType.ACK);
    await expect.poll(() => peer.payloads.at(-1)).toContain("d2");
    const pack = JSON.parse(peer.payloads.at(-1) ?? "") as { vs: string }[];
    expect(pack.map(({ vs }) => vs)).toEqual(["c1", "e1", "d2"]);
    peer.close();
  });

  test.each([[["t", "a"]], [["t", "#"]]])("who answers a notification of %j with a Reset is gone", async (path) => {
    const peer = await RawPeer.open();
    peer.observe(MessageType.CON, path);
    await expect.poll(() => peer.told).toHaveLength(1);
    await put("/t/a", "1");
    await expect.poll(() => peer.told.length).toBeGreaterThan(1);
    peer.answer(MessageType.RST);
    await expect.poll(() => hub.exchange.subscriptionCount).toBe(0);
    peer.close();
  });

  test("who leaves is forgotten", async () => {
    for (const path of ["/t/a", "/t/a/%23"]) {
      const states = observing(path);
      await next(states);
      expect(hub.exchange.subscriptionCount).toBe(1);
      await states.return();
      await expect.poll(() => hub.exchange.subscriptionCount).toBe(0);
    }
  });

  test("gets a megabyte that is published by MQTT", async () => {
    const states = observing("/t/large");
    await next(states);
    const client = await connect(hub.mqtt?.url ?? "");
    const payload = new Uint8Array(2 ** 20).map((_, index) => index * 13);
    await client.publish("large", payload, { qos: 1 });
    expect((await next(states)).payload).toEqual(payload);
    await client.close();
    await states.return();
  });
});

/** A client that says what it is told to, and acknowledges nothing by itself. */
class RawPeer {
  readonly told: DatagramMessage[] = [];
  readonly #socket: Socket;
  #messageId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (datagram) => this.told.push(decodeDatagram(datagram)));
  }

  static async open(): Promise<RawPeer> {
    const socket = createSocket("udp4");
    socket.connect(Number(new URL(hub.coap?.url ?? "").port), "127.0.0.1");
    await once(socket, "connect");
    return new RawPeer(socket);
  }

  get payloads(): string[] {
    return this.told.map(({ payload }) => decodeUtf8(payload));
  }

  /** Registers, each time with the same token. */
  observe(type: MessageType, path: readonly string[]): void {
    const segments = path.map((segment) => [Option.URI_PATH, segment] as const);
    const options = Options.of([Option.OBSERVE, 0], ...segments);
    this.#send(type, ++this.#messageId, Code.GET, Uint8Array.of(7), options);
  }

  /** Answers the last message. */
  answer(type: MessageType): void {
    this.#send(type, this.told.at(-1)?.messageId ?? 0, Code.EMPTY, new Uint8Array(), Options.NONE);
  }

  close(): void {
    this.#socket.close();
  }

  #send(type: MessageType, messageId: number, code: number, token: Uint8Array, options: Options): void {
    this.#socket.send(encodeDatagram({ type, messageId, code, token, options, payload: new Uint8Array() }));
  }
}

function topicsOf(response: CoapResponse): unknown[] {
  const body = response.body();
  if (!Array.isArray(body)) throw new Error("no pack");
  return body.map((item: { name?: string; topic?: string }) => item.name ?? item.topic);
}

describe("who asks", () => {
  const rules = [
    { user: "anna", allow: "write", topics: ["a/#"] },
    { user: "anna", allow: "read", topics: ["a/#"] },
    { user: "ben", allow: "read", topics: ["a/1"] },
  ] as const;
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "coap-door-"));
    const file = join(directory, "passwords");
    const lines = await Promise.all(["anna", "ben"].map(async (user) => `${user}:${await hashPassword(`${user}'s`)}`));
    await writeFile(file, `${lines.join("\n")}\n`);
    await restart({ access: { sources: [{ type: "passwords", file }], rules } });
  });
  afterEach(() => rm(directory, { recursive: true }));

  const anna = "user=anna&password=anna's";
  const ben = "user=ben&password=ben's";

  test("says it by ?user= and ?password=, and may do what the rules allow", async () => {
    expect((await ask("PUT", "/t/a/1", { body: "1" })).status).toBe("4.01");
    expect((await ask("PUT", "/t/a/1?user=anna&password=wrong", { body: "1" })).status).toBe("4.01");
    expect((await ask("PUT", `/t/a/1?${anna}`, { body: "1" })).status).toBe("2.01");
    expect((await ask("PUT", `/t/a/2?${anna}`, { body: "2" })).status).toBe("2.01");
    expect((await ask("PUT", `/t/b?${anna}`, { body: "1" })).status).toBe("4.03");
    expect((await ask("GET", `/t/a/1?${ben}`)).text()).toBe("1");
    expect((await ask("GET", `/t/a/2?${ben}`)).status).toBe("4.03");
    expect((await ask("PUT", `/t/a/1?${ben}`, { body: "1", ifMatch: [new Uint8Array()] })).status).toBe("4.03");
    expect(hub.exchange.retained.get("a/1")?.origin).toMatchObject({ door: "coap", name: "anna" });
  });

  test("is not shown topics that they may not read", async () => {
    await ask("PUT", `/t/a/1?${anna}`, { body: "1" });
    await ask("PUT", `/t/a/2?${anna}`, { body: "2" });
    expect((await ask("GET", "/.well-known/core")).text()).not.toContain("/t/a");
    expect((await ask("GET", `/.well-known/core?${anna}`)).text()).toContain("</t/a/2>");
    expect((await ask("GET", `/.well-known/core?${ben}`)).text()).not.toContain("</t/a/2>");
  });

  test("hears 4.03 when the rules no longer let them observe", async () => {
    for (const path of [`/t/a/1?${anna}`, `/t/a/%23?${anna}`]) {
      const states = observing(path);
      await next(states);
      await hub.reload({ access: { sources: [{ type: "passwords", file: join(directory, "passwords") }], rules: [] } });
      await hub.reload({
        access: { sources: [{ type: "passwords", file: join(directory, "passwords") }], rules: [rules[2]] },
      });
      expect((await next(states)).status).toBe("4.03");
      expect(hub.exchange.subscriptionCount).toBe(0);
      await states.return();
      await hub.reload({ access: { sources: [{ type: "passwords", file: join(directory, "passwords") }], rules } });
    }
  });
});

describe("over TCP", () => {
  test("the same resources are there", async () => {
    const tcp = uri("/t/a").replace("coap:", "coap+tcp:");
    expect((await coap.request(tcp, { method: "PUT", body: "1" })).status).toBe("2.01");
    expect((await ask("GET", "/t/a")).text()).toBe("1");
  });
});

describe("over WebSocket", () => {
  test("the same resources are there, on the HTTP listener", async () => {
    await restart({ http: { port: 0 } });
    await put("/t/a", "1");
    const ws = `${hub.http?.url.replace("http:", "coap+ws:")}/t/a`;
    expect((await coap.request(ws)).text()).toBe("1");
  });
});

describe("discovery", () => {
  test("/.well-known/core lists topics that have a value, up to a limit, and can be filtered", async () => {
    await restart({ coap: { port: 0, limits: { maxListedTopics: 2 } } });
    await put("/t/house/hall", "1", 50);
    await put("/t/house/attic%20room", "2");
    await put("/t/z", "3");
    const all = await ask("GET", "/.well-known/core");
    expect(all.text()).toContain("</t/house/hall>;ct=50;obs");
    expect(all.text()).toContain("</t/house/attic%20room>");
    expect(all.text().match(/<\/t\//g)).toHaveLength(2);
    expect((await ask("GET", "/.well-known/core?href=/t/house/h*")).text()).toBe("</t/house/hall>;ct=50;obs");
  });
});
