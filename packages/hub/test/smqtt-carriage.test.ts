import { encodeUtf8, toHex } from "@isthmus/bytes";
import { type CoapClient, createClient } from "@isthmus/coap";
import { type Client, connect } from "@isthmus/mqtt";
import {
  brokerWrapStore,
  type Membership,
  MessageOpener,
  MessageSealer,
  OpenError,
  secure,
  type WrapStore,
} from "@isthmus/smqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHub, type Hub } from "../src/index.js";
import { House, workers } from "./smqtt-house.js";

const WRAP_TIMEOUT_MS = 20_000;

let house: House;
let hub: Hub;
let coap: CoapClient;
const clients = new Map<string, Client>();
let writer: Membership;
let reader: Membership;
let stranger: Membership;

function client(way: string): Client {
  const found = clients.get(way);
  if (found === undefined) throw new Error(`no client over ${way}`);
  return found;
}

/** How bytes get to the hub and from it, message by message. */
interface Way {
  /** Publishes, to be retained. */
  put(topic: string, bytes: Uint8Array): Promise<unknown>;
  get(topic: string): Promise<Uint8Array | undefined>;
}

const http: Way = {
  put: async (topic, body) => {
    const url = `${hub.http?.url}/topics/${topic}`;
    const response = await fetch(url, body.length === 0 ? { method: "DELETE" } : { method: "PUT", body: body.slice() });
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  },
  get: async (topic) => {
    const response = await fetch(`${hub.http?.url}/topics/${topic}`);
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
  },
};

const overCoap: Way = {
  put: async (topic, body) => {
    const { status } = await coap.request(`${hub.coap?.url}/t/${topic}`, { method: "PUT", body });
    if (!status.startsWith("2.")) throw new Error(status);
  },
  get: async (topic) => {
    const response = await coap.request(`${hub.coap?.url}/t/${topic}`);
    return response.status === "2.05" ? response.payload : undefined;
  },
};

/** A client of some kind of MQTT: asks for a topic as wraps are asked for. */
function overMqtt(way: string): Way {
  const store = (): WrapStore => brokerWrapStore(client(way), WRAP_TIMEOUT_MS);
  return { put: async (topic, bytes) => store().put(topic, bytes), get: async (topic) => store().get(topic) };
}

const WAYS: readonly (readonly [name: string, way: Way])[] = [
  ["MQTT 5", overMqtt("mqtt5")],
  ["MQTT 3.1.1", overMqtt("mqtt4")],
  ["MQTT over WebSocket", overMqtt("ws")],
  ["HTTP", http],
  ["CoAP", overCoap],
];

beforeAll(async () => {
  house = await House.build(["kp-abe"]);
  writer = await house.device("writer", { publish: ["house/#"] });
  reader = await house.device("reader", { subscribe: ["house/#"] });
  stranger = await house.device("stranger", { subscribe: ["garden/#"] });
  hub = await createHub({ mqtt: { port: 0 }, http: { port: 0 }, coap: { port: 0 } });
  coap = createClient();
  clients.set("mqtt5", await connect(hub.mqtt?.url ?? "", { protocolVersion: 5 }));
  clients.set("mqtt4", await connect(hub.mqtt?.url ?? "", { protocolVersion: 4 }));
  clients.set("ws", await connect(`${hub.http?.url.replace("http", "ws")}/mqtt`));
});
afterAll(async () => {
  for (const each of clients.values()) await each.close();
  await coap.close();
  await hub.close();
  await house[Symbol.asyncDispose]();
});

describe("the same bytes, whatever carries them", () => {
  const pairs = WAYS.flatMap(([from, sending]) =>
    WAYS.map(([to, receiving]) => [from, to, sending, receiving] as const),
  );

  it.each(pairs)("sealed over %s, message and wrap open over %s", async (from, to, sending, receiving) => {
    // No wrap in the message: it has to be found where it is retained.
    const sealer = new MessageSealer(sending, { ...house.cryptography, membership: writer, inlineWrap: "never" });
    const topic = `house/${from}/${to}`.replaceAll(/[ .]/g, "-");
    const sealed = await sealer.seal(topic, encodeUtf8("21.5 °C"), { retain: true, contentType: "text/plain" });
    await sending.put(topic, sealed);

    const carried = await receiving.get(topic);
    expect(toHex(carried ?? new Uint8Array(0))).toBe(toHex(sealed));
    const opener = new MessageOpener(receiving, { ...house.cryptography, membership: reader });
    const opened = await opener.open(topic, carried ?? new Uint8Array(0), { isRetained: true });
    expect([opened.text(), opened.contentType, opened.publisher.name]).toEqual(["21.5 °C", "text/plain", "writer"]);
    const other = new MessageOpener(receiving, { ...house.cryptography, membership: stranger });
    await expect(other.open(topic, sealed, { isRetained: true })).rejects.toThrow(OpenError);
    await sealer.close();
  });

  it("a secured MQTT client gets what was sealed elsewhere as it happens", async () => {
    const secured = secure(client("mqtt5"), { ...house.cryptography, membership: reader });
    const messages = await secured.subscribe("house/live/+");
    for (const [index, [name, way]] of WAYS.entries()) {
      const sealer = new MessageSealer(way, { ...house.cryptography, membership: writer });
      const topic = `house/live/${index}`;
      await way.put(topic, await sealer.seal(topic, encodeUtf8(name), { retain: true }));
    }
    const texts: string[] = [];
    for await (const message of messages) if (texts.push(message.text()) === WAYS.length) break;
    expect(texts.toSorted()).toEqual(WAYS.map(([name]) => name).toSorted());
    await secured.close();
  });

  it("what weak devices send plain over HTTP and CoAP is sealed as well, by a hub that seals", async () => {
    const gateway = await house.store(await house.device("gateway", { publish: ["house/#"] }), "gateway.smqtt");
    const sealing = { keys: gateway, rules: [{ filter: "house/#" }] };
    const plainHub = hub;
    hub = await createHub({ http: { port: 0 }, coap: { port: 0 }, smqtt: { sealing, workers } });
    try {
      await http.put("house/by-http", encodeUtf8("plain as HTTP"));
      await overCoap.put("house/by-coap", encodeUtf8("plain as CoAP"));
      const opener = new MessageOpener(http, { ...house.cryptography, membership: reader });
      for (const [topic, text] of [
        ["house/by-http", "plain as HTTP"],
        ["house/by-coap", "plain as CoAP"],
      ] as const) {
        const response = await coap.request(`${hub.coap?.url}/t/${topic}`);
        expect(response.contentFormat).toBe(16); // application/cose; cose-type="cose-encrypt0" (RFC 9052 11.3.2)
        const sealed = response.payload;
        expect(Buffer.from(sealed).toString("latin1")).not.toContain("plain");
        expect((await opener.open(topic, sealed, { isRetained: true })).text()).toBe(text);
      }
    } finally {
      await hub.close();
      hub = plainHub;
    }
  });
});
