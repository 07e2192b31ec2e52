import { createClient } from "@isthmus/coap";
import { connect } from "@isthmus/mqtt";
import {
  AuthorityService,
  createIdentity,
  EnrolmentError,
  enrolOver,
  enrolTopic,
  type Joining,
  Membership,
  renewOver,
  secureRandomBytes,
  ticketOf,
} from "@isthmus/smqtt";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import { House, workers } from "./smqtt-house.js";

let house: House;
const hubs = new Set<Hub>();

async function start(options: HubOptions["smqtt"] = {}, others: HubOptions = {}): Promise<Hub> {
  const hub = await createHub({ mqtt: { port: 0 }, http: { port: 0 }, smqtt: { workers, ...options }, ...others });
  hubs.add(hub);
  return hub;
}

async function ask(name: string): Promise<Joining> {
  const invitation = await house.authority.change(async (authority) => authority.invite(name, { subscribe: ["a/#"] }));
  return Membership.request(invitation, createIdentity(secureRandomBytes), house.cryptography);
}

const post = async (hub: Hub, topic: string, body: Uint8Array, method = "POST"): Promise<Response> =>
  fetch(`${hub.http?.url}/${topic}`, { method, ...(method === "POST" && { body: body.slice() }) });

beforeAll(async () => {
  house = await House.build(["kp-abe"]);
});
afterEach(async () => {
  for (const hub of hubs) await hub.close();
  hubs.clear();
});
afterAll(() => house[Symbol.asyncDispose]());

describe("enrolment over a hub", () => {
  it("that is the authority: over MQTT, over HTTP, and renewals", async () => {
    const hub = await start({ authority: house.authorityKeys });
    await using client = await connect(hub.mqtt?.url ?? "");
    const overMqtt = await enrolOver(client, await ask("over MQTT"));
    expect(overMqtt.certificate.name).toBe("over MQTT");
    expect(overMqtt.readableSuites).toEqual(["kp-abe"]);
    const { serial } = overMqtt.bundle;
    await renewOver(client, overMqtt);
    expect(overMqtt.bundle.serial).toBeGreaterThan(serial);

    const joining = await ask("over HTTP");
    const response = await post(hub, enrolTopic(joining.file.authorityKey), joining.request);
    expect(response.status).toBe(200);
    const membership = await joining.complete(new Uint8Array(await response.arrayBuffer()));
    expect(membership.certificate.name).toBe("over HTTP");
    // What was answered is in the file: a token that was used stays used.
    const names = [...(await house.authority.read()).devices.values()].map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["over MQTT", "over HTTP"]));
  });

  it("that only carries requests, to an authority elsewhere", async () => {
    const hub = await start();
    await using office = await connect(hub.mqtt?.url ?? "");
    await using service = await AuthorityService.start(office, {
      change: async (action) => house.authority.change(action),
    });
    await using device = await connect(hub.mqtt?.url ?? "");
    expect((await enrolOver(device, await ask("carried"))).certificate.name).toBe("carried");
    const joining = await ask("carried over HTTP");
    const response = await post(hub, service.topic, joining.request);
    const membership = await joining.complete(new Uint8Array(await response.arrayBuffer()));
    expect(membership.certificate.name).toBe("carried over HTTP");
  });

  it("over CoAP: the answer is observed where the request's ticket says", async () => {
    const hub = await start({ authority: house.authorityKeys }, { coap: { port: 0 } });
    const joining = await ask("over CoAP");
    const uri = `${hub.coap?.url}/t/${enrolTopic(joining.file.authorityKey)}`;
    const coap = createClient();
    try {
      const answers = coap.observe(`${uri}/${ticketOf(joining.request)}`);
      await answers.next(); // there is none yet
      const { status } = await coap.request(`${uri}?retain=0`, { method: "PUT", body: joining.request });
      expect(status).toMatch(/^2\./);
      for await (const { payload } of answers) {
        const membership = await joining.complete(payload);
        expect(membership.certificate.name).toBe("over CoAP");
        break;
      }
    } finally {
      await coap.close();
    }
  });

  it("a no is told to the device alone", async () => {
    const hub = await start({ authority: house.authorityKeys });
    const joining = await ask("once");
    const topic = enrolTopic(joining.file.authorityKey);
    await post(hub, topic, joining.request);
    const invitation = await house.authority.change(async (authority) => authority.invite("x", { publish: ["a"] }));
    const forged = invitation.slice(0, -32) + "0".repeat(32); // a token that nobody was given
    const refused = await Membership.request(forged, createIdentity(secureRandomBytes), house.cryptography);
    const response = await post(hub, topic, refused.request);
    expect(response.status).toBe(200);
    const answer = new Uint8Array(await response.arrayBuffer());
    expect(Buffer.from(answer).toString("latin1")).not.toContain("invitation");
    await expect(refused.complete(answer)).rejects.toThrow(EnrolmentError);
  });

  it("what is no request, too long, too much or for nobody is refused with what to do", async () => {
    const hub = await start({ enrolment: { timeoutMs: 100, maxWaiting: 1 } });
    const topic = enrolTopic((await house.authority.read()).signingKey);
    const refusals: [number, Promise<Response>][] = [
      [404, post(hub, "smqtt/enrol/nobody", new Uint8Array(9))],
      [405, post(hub, topic, new Uint8Array(0), "GET")],
    ];
    for (const [status, response] of refusals) expect((await response).status).toBe(status);
    expect((await post(hub, topic, new Uint8Array(2000))).status).toBe(413);
    const absent = await post(hub, topic, new Uint8Array(240));
    expect([absent.status, absent.headers.get("retry-after")]).toEqual([503, "60"]);
    expect(await absent.text()).toBe("the authority is not there\n");

    await using silent = await connect(hub.mqtt?.url ?? "");
    const requests = await silent.subscribe(topic);
    const first = post(hub, topic, new Uint8Array(240));
    for await (const { payload } of requests) {
      expect(payload.length).toBe(240);
      break;
    }
    expect((await first).status).toBe(504);
  });

  it("requests that wait are bounded", async () => {
    const hub = await start({ enrolment: { timeoutMs: 60_000, maxWaiting: 1 } });
    const topic = enrolTopic((await house.authority.read()).signingKey);
    await using silent = await connect(hub.mqtt?.url ?? "");
    const requests = await silent.subscribe(topic);
    const abort = new AbortController();
    const waiting = fetch(`${hub.http?.url}/${topic}`, {
      method: "POST",
      body: new Uint8Array(240),
      signal: abort.signal,
    });
    waiting.catch(() => undefined);
    for await (const _ of requests) break;
    const second = await post(hub, topic, new Uint8Array(240));
    expect([second.status, second.headers.get("retry-after")]).toEqual([503, "5"]);
    // A device that goes makes room for another.
    abort.abort();
    await expect.poll(async () => (await post(hub, topic, new Uint8Array(240))).statusText).toBe("Service Unavailable");
    await expect.poll(async () => (await post(hub, topic, new Uint8Array(240))).headers.get("retry-after")).toBe("60");
  });

  it("a hub does not start with a key file that it cannot open", async () => {
    await expect(start({ authority: { ...house.authorityKeys, passphrase: "wrong" } })).rejects.toThrow(
      "wrong passphrase",
    );
    await expect(start({ authority: { file: "/nowhere", passphrase: "x" } })).rejects.toThrow("ENOENT");
  });
});
