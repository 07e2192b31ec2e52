import {
  type CoapClient,
  type CoapResponse,
  createClient,
  decodeCbor,
  encodeCbor,
  type Method,
  type RequestOptions,
} from "@isthmus/coap";
import { connect } from "@isthmus/mqtt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createHub, type Hub } from "../src/index.js";

// draft-ietf-core-coap-pubsub; section numbers are those of its version 18.
const PUBSUB_FORMAT = 606;

let hub: Hub;
let coap: CoapClient;

beforeEach(async () => {
  coap = createClient();
  hub = await createHub({ mqtt: { port: 0 }, coap: { port: 0 } });
});
afterEach(async () => {
  await coap.close();
  await hub.close();
});

function ask(method: Method, path: string, options: RequestOptions = {}): Promise<CoapResponse> {
  return coap.request(`${hub.coap?.url}${path}`, { method, ...options });
}

/** A request with a map of parameters. */
function askWith(method: Method, path: string, parameters: Readonly<Record<number, unknown>>): Promise<CoapResponse> {
  const entries = Object.entries(parameters).map(([key, value]) => [Number(key), value] as const);
  return ask(method, path, { body: encodeCbor(new Map(entries)), contentFormat: PUBSUB_FORMAT });
}

function parametersOf(response: CoapResponse): unknown {
  expect(response.contentFormat).toBe(PUBSUB_FORMAT);
  const map = decodeCbor(response.payload, { useMaps: true });
  return map instanceof Map ? Object.fromEntries(map) : map;
}

const create = (more: Readonly<Record<number, unknown>> = {}): Promise<CoapResponse> =>
  askWith("POST", "/ps", { 0: "house/living-room/temperature", 2: "core.ps.data", ...more });

describe("a collection", () => {
  test("is discovered, as are its topics and their data (2.3)", async () => {
    await create();
    expect((await ask("GET", "/.well-known/core?rt=core.ps.coll")).text()).toBe(
      '</ps>;rt="core.ps core.ps.coll";ct=40',
    );
    expect((await ask("GET", "/.well-known/core?rt=core.ps.conf")).text()).toBe('</ps/1>;rt="core.ps.conf";ct=606');
    expect((await ask("GET", "/ps")).text()).toBe('</ps/1>;rt="core.ps.conf";ct=606');
    expect((await ask("GET", "/ps?rt=core.ps.data")).text()).toBe('</ps/data/1>;rt="core.ps.data";obs');
  });

  test("a POST creates a topic, and tells where it and its data are (2.4.3)", async () => {
    const created = await create({ 3: 0, 4: "temperature" });
    expect([created.status, created.location]).toEqual(["2.01", "/ps/1"]);
    expect(parametersOf(created)).toEqual({
      0: "house/living-room/temperature",
      1: "ps/data/1",
      2: "core.ps.data",
      3: 0,
      4: "temperature",
    });
    expect((await create()).text()).toBe("this topic-name is in use");
  });

  test.each([
    ["no name", { 0: undefined }, "a topic needs a topic-name"],
    ["a filter for a name", { 0: "a/#" }, "a/# is a filter"],
    ["another resource type", { 2: "core.ps.conf" }, "resource-type is core.ps.data"],
    ["a number for a name", { 0: 1 }, "topic-name is a string"],
    ["an unknown parameter", { 11: 1 }, "there is no parameter 11"],
    ["a date that is none", { 5: "soon" }, 'expiration-date is a date, not "soon"'],
    ["history", { 8: 10 }, "topic-history is not kept"],
  ])("refuses %s with 4.00", async (_what, parameters, diagnostic) => {
    const merged = Object.entries({ 0: "a", 2: "core.ps.data", ...parameters }).filter(
      ([, value]) => value !== undefined,
    );
    const refused = await askWith("POST", "/ps", Object.fromEntries(merged));
    expect([refused.status, refused.text()]).toEqual(["4.00", expect.stringContaining(diagnostic)]);
  });

  test("may not be used for the hub's own topics (4.03), nor with another format (4.15)", async () => {
    expect((await create({ 0: "$SYS/x" })).status).toBe("4.03");
    expect((await ask("POST", "/ps", { body: "{}", contentFormat: 50 })).status).toBe("4.15");
  });

  test("takes parameters of a few kilobytes, and no more", async () => {
    expect((await create({ 4: "x".repeat(3_000) })).status).toBe("2.01");
    expect((await create({ 4: "x".repeat(5_000) })).status).toBe("4.13");
  });

  test("is searched by FETCH (2.4.2)", async () => {
    await create({ 4: "temperature" });
    await create({ 0: "b", 4: "humidity" });
    const found = await askWith("FETCH", "/ps", { 4: "humidity" });
    expect(found.text()).toBe('</ps/2>;rt="core.ps.conf";ct=606');
  });
});

describe("a topic", () => {
  test("is read whole and in part, and changed whole and in part (2.5)", async () => {
    await create({ 4: "temperature", 6: 100 });
    expect(parametersOf(await ask("GET", "/ps/1"))).toMatchObject({ 1: "ps/data/1", 4: "temperature", 6: 100 });
    expect(parametersOf(await askWith("FETCH", "/ps/1", { 10: ["topic-data", 6] }))).toEqual({
      1: "ps/data/1",
      6: 100,
    });
    const patched = await askWith("iPATCH", "/ps/1", { 6: 5, 7: 3600 });
    expect([patched.status, parametersOf(patched)]).toMatchObject(["2.04", { 4: "temperature", 6: 5, 7: 3600 }]);
    const overwritten = await askWith("PUT", "/ps/1", { 4: "heat" });
    expect(parametersOf(overwritten)).toEqual({
      0: "house/living-room/temperature",
      1: "ps/data/1",
      2: "core.ps.data",
      4: "heat",
    });
    expect((await askWith("iPATCH", "/ps/1", { 0: "b" })).text()).toBe("topic-name cannot be changed");
  });

  test("is half created until something is published to it, and again when its data is deleted (3.1)", async () => {
    await create({ 3: 0 });
    const data = "/ps/data/1";
    expect((await ask("GET", data)).status).toBe("4.04");
    expect((await coap.observe(`${hub.coap?.url}${data}`).next()).value?.status).toBe("4.04");
    expect((await ask("PUT", data, { body: [], contentFormat: 110 })).status).toBe("4.15");
    expect((await ask("PUT", data, { body: "21", contentFormat: 0 })).status).toBe("2.01");
    expect((await ask("PUT", data, { body: "22", contentFormat: 0 })).status).toBe("2.04");
    expect((await ask("GET", data)).text()).toBe("22");
    expect((await ask("GET", "/t/house/living-room/temperature")).text()).toBe("22");
    const states = coap.observe(`${hub.coap?.url}${data}`);
    expect((await states.next()).value?.text()).toBe("22");
    expect((await ask("DELETE", data)).status).toBe("2.02");
    expect((await states.next()).value?.status).toBe("4.04");
    expect((await ask("GET", data)).status).toBe("4.04");
    expect((await ask("GET", "/ps/1")).status).toBe("2.05");
  });

  test("is one topic with that of the other doors", async () => {
    await create({ 9: true });
    const states = coap.observe(`${hub.coap?.url}/ps/data/1`);
    expect((await states.next()).value?.payload).toHaveLength(0);
    const client = await connect(hub.mqtt?.url ?? "");
    await client.publish("house/living-room/temperature", "23", { qos: 1 });
    expect((await states.next()).value?.text()).toBe("23");
    const received = await client.subscribe("house/+/temperature", { qos: 1 });
    await ask("PUT", "/ps/data/1", { body: "24" });
    for await (const { topic } of received) {
      expect(topic).toBe("house/living-room/temperature");
      break;
    }
    await client.close();
    await states.return?.();
  });

  test("has so many subscribers and no more; those who are too many are told 4.04 (2.5.3)", async () => {
    await create({ 6: 1 });
    await ask("PUT", "/ps/data/1", { body: "1" });
    const first = coap.observe(`${hub.coap?.url}/ps/data/1`);
    await first.next();
    const [second] = await collect(coap.observe(`${hub.coap?.url}/ps/data/1`));
    expect([second?.status, second?.text()]).toEqual(["2.05", "1"]);
    await askWith("iPATCH", "/ps/1", { 6: 0 });
    expect((await first.next()).value?.status).toBe("4.04");
  });

  test("that is deleted or expires takes its data and its subscribers with it (2.5.5)", async () => {
    await create();
    await ask("PUT", "/ps/data/1", { body: "1" });
    const states = coap.observe(`${hub.coap?.url}/ps/data/1`);
    await states.next();
    expect((await ask("DELETE", "/ps/1")).status).toBe("2.02");
    expect((await states.next()).value?.status).toBe("4.04");
    expect((await ask("GET", "/ps/data/1")).status).toBe("4.04");
    expect((await ask("GET", "/t/house/living-room/temperature")).status).toBe("4.04");
    await create({ 5: "2001-01-01T00:00:00Z" });
    await expect.poll(async () => (await ask("GET", "/ps/2")).status).toBe("4.04");
  });
});

/** All states of an observation that ends. */
async function collect(states: AsyncIterable<CoapResponse>): Promise<CoapResponse[]> {
  const all: CoapResponse[] = [];
  for await (const state of states) all.push(state);
  return all;
}
