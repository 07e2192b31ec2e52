import { toHex } from "@isthmus/bytes";
import { describe, expect, it, onTestFinished } from "vitest";
import { EnrolmentError } from "../src/authority/enrolment.js";
import { answerTopic, bundleTopic, enrolTopic, isEnrolTopic, ticketOf } from "../src/authority/exchange-topics.js";
import { createIdentity } from "../src/authority/identity.js";
import { type Joining, Membership } from "../src/authority/membership.js";
import { announce } from "../src/client/announce.js";
import {
  AuthorityService,
  type AuthorityServiceOptions,
  type RequestOutcome,
} from "../src/client/authority-service.js";
import { enrolOver, renewOver } from "../src/client/enrolment-client.js";
import type { PlainSubscription } from "../src/client/plain-client.js";
import { MemoryBroker } from "./memory-broker.js";
import { createSystem } from "./system-case.js";

const NONE = new Uint8Array(0);

async function start(from: number, options: Partial<AuthorityServiceOptions> = {}, suites = ["psk"]) {
  const system = await createSystem(suites, from);
  const { authority } = system;
  const broker = new MemoryBroker();
  const outcomes: RequestOutcome[] = [];
  const service = await AuthorityService.start(broker.connect(), {
    change: async (action) => action(authority),
    onRequest: (outcome) => outcomes.push(outcome),
    now: () => 0,
    ...options,
  });
  onTestFinished(async () => service.close().catch(() => undefined));
  const ask = (invitation: string) => Membership.request(invitation, createIdentity(system.random), system.options);
  return { ...system, broker, outcomes, service, ask, topic: enrolTopic(authority.signingKey) };
}

async function first(subscription: PlainSubscription): Promise<Uint8Array> {
  for await (const { payload } of subscription) return payload;
  return NONE;
}

describe("enrolment over a broker", () => {
  it("a device enrols and renews; the broker sees neither token nor keys", async () => {
    const { authority, broker, ask, random, outcomes } = await start(60);
    const invitation = authority.invite("sensor", { subscribe: ["a/#"] });
    const device = await enrolOver(broker.connect(), await ask(invitation));
    expect(device.certificate.name).toBe("sensor");
    const { serial } = device.bundle;
    await renewOver(broker.connect(), device, { random });
    expect(device.bundle.serial).toBeGreaterThan(serial);
    expect(outcomes).toEqual(["answered", "answered"]);
    const secrets = [invitation.slice(-32), toHex(device.reader("psk")?.readerKey ?? NONE)];
    for (const { payload } of broker.log) for (const secret of secrets) expect(toHex(payload)).not.toContain(secret);
  });

  it("hpke: the bundle with the new reader is retained before the answer leaves", async () => {
    const { authority, broker, ask } = await start(61, {}, ["hpke"]);
    await enrolOver(broker.connect(), await ask(authority.invite("reader", { subscribe: ["a"] })));
    expect(broker.retained.get(bundleTopic(authority.signingKey))).toEqual(authority.bundle());
    const topics = broker.log.map(({ topic }) => topic.replace(/[0-9a-f]{16,}/g, "ID"));
    expect(topics).toEqual(["smqtt/authority/ID", "smqtt/enrol/ID", "smqtt/authority/ID", "smqtt/enrol/ID/ID"]);
  });

  it("a no is told to the device alone, signed", async () => {
    const { authority, broker, ask } = await start(62);
    const invitation = authority.invite("once", { publish: ["a"] });
    await enrolOver(broker.connect(), await ask(invitation));
    const second = await ask(invitation);
    await expect(enrolOver(broker.connect(), second)).rejects.toThrow("no such invitation, or it was used");
    const refusal = broker.log.at(-1)?.payload ?? NONE;
    expect(new TextDecoder().decode(refusal)).not.toContain("invitation");
    const other = await ask(invitation);
    await expect(other.complete(refusal)).rejects.toThrow("not sealed for us");
  });

  it("a revoked device is refused its renewal", async () => {
    const { authority, broker, ask, random } = await start(63);
    const device = await enrolOver(broker.connect(), await ask(authority.invite("bad", { publish: ["a"] })));
    await authority.revoke([toHex(device.certificate.id)]);
    await expect(renewOver(broker.connect(), device, { random })).rejects.toThrow('"bad" is revoked');
  });

  it("a request that comes again, its answer lost, gets the same answer", async () => {
    const { authority, broker, ask, topic, outcomes } = await start(64);
    const joining = await ask(authority.invite("twice", { publish: ["a"] }));
    const client = broker.connect();
    const lost = await client.subscribe(`${topic}/${ticketOf(joining.request)}`);
    await client.publish(topic, joining.request);
    const answer = await first(lost);
    expect((await enrolOver(client, joining)).certificate.name).toBe("twice");
    expect(broker.log.at(-1)?.payload).toEqual(answer);
    expect(outcomes).toEqual(["answered", "answered again"]);
  });

  it("answers of others are passed over, and no answer is told in time", async () => {
    const { authority, broker, ask, topic, service } = await start(65);
    await service.close();
    const joining = await ask(authority.invite("patient", { publish: ["a"] }));
    const client = broker.connect();
    const forger = await client.subscribe(topic);
    void first(forger).then(async (request) => client.publish(`${topic}/${ticketOf(request)}`, new Uint8Array(500)));
    await expect(enrolOver(client, joining, { timeoutMs: 50 })).rejects.toThrow(EnrolmentError);
    expect(broker.log.at(-1)?.payload.length).toBe(500);
  });

  it("what is no request, is too long or comes too often costs nothing and is not answered", async () => {
    const { authority, broker, ask, topic, outcomes, service, random } = await start(66, { requestBurst: 3 });
    const client = broker.connect();
    const { request } = await ask(authority.invite("late", { publish: ["a"] }));
    const before = broker.log.length;
    for (const payload of [random(2000), random(240), NONE, random(31), request]) await client.publish(topic, payload);
    await service.close();
    expect(outcomes.toSorted()).toEqual(["no request", "no request", "no request", "no request", "too many requests"]);
    expect(broker.log.length).toBe(before + 5);
    expect(authority.devices.size).toBe(0);
  });

  it("requests that wait are bounded", async () => {
    const gate = Promise.withResolvers<void>();
    const system = await createSystem(["psk"], 67);
    const outcomes: string[] = [];
    const broker = new MemoryBroker();
    let isHeld = false;
    const service = await AuthorityService.start(broker.connect(), {
      change: async (action) => {
        if (isHeld) await gate.promise;
        return action(system.authority);
      },
      queueLimit: 2,
      onRequest: (outcome) => outcomes.push(outcome),
    });
    isHeld = true;
    for (let i = 0; i < 5; i++) await broker.connect().publish(service.topic, system.random(240));
    await expect.poll(() => outcomes).toEqual(["too many requests", "too many requests", "too many requests"]);
    gate.resolve();
    await service.close();
    expect(outcomes.length).toBe(5);
  });

  it("an answer that cannot be stored is not given, and the next one is", async () => {
    const system = await createSystem(["psk"], 68);
    const broker = new MemoryBroker();
    const failures: unknown[] = [];
    let isFull = true;
    const service = await AuthorityService.start(broker.connect(), {
      change: async (action) => {
        const value = await action(system.authority);
        if (isFull && value instanceof Uint8Array) throw new Error("no space left on device");
        return value;
      },
      onFailure: (error) => failures.push(error),
    });
    const ask = async (): Promise<Joining> => {
      const invitation = system.authority.invite("device", { publish: ["a"] });
      return Membership.request(invitation, createIdentity(system.random), system.options);
    };
    const client = broker.connect();
    await expect(enrolOver(client, await ask(), { timeoutMs: 100 })).rejects.toThrow("did not answer");
    expect(failures).toEqual([expect.objectContaining({ message: "no space left on device" })]);
    expect(broker.log.filter(({ topic }) => topic.startsWith(`${service.topic}/`))).toEqual([]);
    isFull = false;
    expect((await enrolOver(client, await ask())).certificate.name).toBe("device");
    await service.close();
  });

  it("announces renewed keys before the bundle that makes publishers go on", async () => {
    const { authority, join } = await createSystem(["psk"], 69);
    const [kept, revoked] = [await join("kept", { subscribe: ["a"] }), await join("revoked", { subscribe: ["a"] })];
    await authority.revoke([toHex(revoked.certificate.id)]);
    const broker = new MemoryBroker();
    await announce(broker.connect(), authority, await authority.renewAll());
    expect([...broker.retained.keys()]).toEqual([answerTopic(kept.certificate.id), bundleTopic(authority.signingKey)]);
  });

  it("requests have topics of one form", () => {
    expect(isEnrolTopic("smqtt/enrol/0123456789abcdef")).toBe(true);
    for (const topic of ["smqtt/enrol/", "smqtt/enrol/0123456789abcdeg", "smqtt/enrol/0123456789abcdef/0", "x"]) {
      expect(isEnrolTopic(topic)).toBe(false);
    }
  });
});
