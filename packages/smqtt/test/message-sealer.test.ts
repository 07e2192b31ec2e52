import { encodeUtf8, toHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import { MessageOpener } from "../src/client/message-opener.js";
import { MessageSealer, type SealingOptions } from "../src/client/message-sealer.js";
import { secure } from "../src/client/secure-client.js";
import type { WrapStore } from "../src/client/wrap-store.js";
import { OpenError } from "../src/envelope/open-error.js";
import { nodeCrypto } from "../src/node/node-crypto.js";
import { MemoryBroker } from "./memory-broker.js";
import { createSystem, suites } from "./system-case.js";

/** Wraps as a server that is asked topic by topic keeps them. */
function mapStore(retained = new Map<string, Uint8Array>()): WrapStore & { retained: Map<string, Uint8Array> } {
  return {
    retained,
    put: async (topic, wrap) => (wrap.length === 0 ? retained.delete(topic) : retained.set(topic, wrap)),
    get: async (topic) => retained.get(topic),
  };
}

async function start(from: number, extra: Partial<SealingOptions> = {}) {
  const system = await createSystem(["psk"], from);
  const [writer, reader] = [
    await system.join("writer", { publish: ["a/#"] }),
    await system.join("reader", { subscribe: ["a/#"] }),
  ];
  const options = { suites, crypto: nodeCrypto, random: system.random, now: () => system.clock.now };
  const store = mapStore();
  const sealer = new MessageSealer(store, { ...options, membership: writer, suite: "psk", ...extra });
  const opener = new MessageOpener(store, { ...options, membership: reader });
  return { ...system, options, writer, reader, store, sealer, opener };
}

describe("sealing without a client", () => {
  it("the bytes open for a reader who gets them, and the wrap, any other way", async () => {
    const { sealer, opener, store } = await start(120);
    const sealed = await sealer.seal("a/b", encodeUtf8("21.5"), { contentType: "text/plain" });
    expect([...store.retained.keys()]).toEqual([expect.stringMatching(/^smqtt\/kw\/[0-9a-f]{16}\/[0-9a-f]{32}$/)]);
    const opened = await opener.open("a/b", sealed);
    expect(opened.text()).toBe("21.5");
    expect(opened).toMatchObject({ contentType: "text/plain", publisher: { name: "writer" } });
    await expect(opener.open("a/b", sealed)).rejects.toMatchObject({ failure: "repeated" });
    await expect(opener.open("a/c", await sealer.seal("a/b", sealed))).rejects.toMatchObject({
      failure: "unauthentic",
    });
  });

  it("they are the bytes of a secured MQTT client", async () => {
    const { sealer, store, options, reader } = await start(121);
    const broker = new MemoryBroker();
    const client = secure(broker.connect(), { ...options, membership: reader, suite: "psk" });
    const messages = await client.subscribe("a/#");
    const sealed = await sealer.seal("a/b", encodeUtf8("over HTTP"));
    for (const [topic, wrap] of store.retained) await broker.connect().publish(topic, wrap, { retain: true });
    await broker.connect().publish("a/b", sealed);
    for await (const message of messages) {
      expect(message.text()).toBe("over HTTP");
      break;
    }
    await client.close();
  });

  it("seals at once while the key is good, and says so when it is not", async () => {
    const { sealer, clock } = await start(122, { sealing: { epochSeconds: 60 } });
    expect(sealer.sealNow("a/b", encodeUtf8("x"))).toBeUndefined();
    await sealer.prepare("a/b", undefined);
    expect(sealer.sealNow("a/b", encodeUtf8("x"))).toBeInstanceOf(Uint8Array);
    clock.now += 60;
    expect(sealer.sealNow("a/b", encodeUtf8("x"))).toBeUndefined();
  });

  it("a wrap that cannot be kept seals nothing, and is tried again", async () => {
    const { options, writer, store } = await start(123);
    let isFull = true;
    const failing: WrapStore = {
      ...store,
      put: async (topic, wrap) =>
        isFull ? Promise.reject(new Error("507 Insufficient Storage")) : store.put(topic, wrap),
    };
    const sealer = new MessageSealer(failing, { ...options, membership: writer, suite: "psk" });
    await expect(sealer.seal("a/b", encodeUtf8("x"))).rejects.toThrow("507");
    isFull = false;
    await sealer.seal("a/b", encodeUtf8("x"));
    expect(store.retained.size).toBe(1);
  });

  it("a last value brings its wrap along, and opens again and again, but none older after it", async () => {
    const { sealer, opener, store } = await start(124);
    const first = await sealer.seal("a/b", encodeUtf8("1"), { retain: true });
    const second = await sealer.seal("a/b", encodeUtf8("2"), { retain: true });
    store.retained.clear();
    for (let i = 0; i < 2; i++) expect((await opener.open("a/b", second, { isRetained: true })).text()).toBe("2");
    await expect(opener.open("a/b", first, { isRetained: true })).rejects.toThrow(OpenError);
  });

  it("a message without a wrap anywhere is told as such", async () => {
    const { sealer, opener, store } = await start(125);
    const sealed = await sealer.seal("a/b", encodeUtf8("x"));
    store.retained.clear();
    await expect(opener.open("a/b", sealed)).rejects.toMatchObject({ failure: "unknown-key" });
    await expect(opener.open("a/b", encodeUtf8("plain"))).rejects.toMatchObject({ failure: "malformed" });
    expect(opener.keyOf(sealed)).toMatch(/^[0-9a-f]{48}$/);
    expect(toHex(sealed)).not.toContain(toHex(encodeUtf8("plain")));
  });
});
