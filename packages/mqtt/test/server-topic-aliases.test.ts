import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Packet } from "../src/codec/index.js";
import { InboundTopicAliases } from "../src/session/inbound-topic-aliases.js";
import { OutboundTopicAliases } from "../src/session/outbound-topic-aliases.js";
import { SessionLadder, testMessage } from "./server-session-ladder.js";

/** Sends `topic`, and returns the alias that went with it. */
function send(aliases: OutboundTopicAliases, topic: string): number | undefined {
  const alias = aliases.choose(topic);
  if (alias === undefined) return undefined;
  alias.isEstablished = true;
  return alias.topicAlias;
}

describe("the topic aliases of a sender (3.3.2.3.4)", () => {
  // [MQTT-3.1.2-26], [MQTT-3.1.2-27], [MQTT-3.3.2-8], [MQTT-3.3.2-11]
  test("whatever is sent, are from 1 to the maximum, and the receiver finds each topic again", () => {
    const topic = fc.nat({ max: 12 }).map((n) => `topic/${n}`);
    fc.assert(
      fc.property(fc.nat({ max: 5 }), fc.array(topic, { maxLength: 400 }), (maximum, topics) => {
        const sender = new OutboundTopicAliases(maximum);
        const receiver = new InboundTopicAliases(maximum);
        for (const name of topics) {
          const alias = sender.choose(name);
          if (maximum === 0) expect(alias).toBeUndefined();
          if (alias === undefined) continue;
          expect(alias.topicAlias).toBeGreaterThanOrEqual(1);
          expect(receiver.resolve(alias.isEstablished ? "" : name, alias.topicAlias)).toBe(name);
          alias.isEstablished = true;
        }
      }),
    );
  });

  test("go to the topics that are used most, however many others there are", () => {
    const aliases = new OutboundTopicAliases(2);
    for (let i = 0; i < 5000; i++) {
      send(aliases, `once/${i}`);
      send(aliases, i % 2 === 0 ? "busy/1" : "busy/2");
    }
    const wanted = [send(aliases, "busy/1"), send(aliases, "busy/2")];
    expect(new Set(wanted)).toEqual(new Set([1, 2]));
    expect(aliases.choose("busy/1")?.isEstablished).toBe(true);
  });

  test("pass on when other topics become busy", () => {
    const aliases = new OutboundTopicAliases(1);
    for (let i = 0; i < 1000; i++) send(aliases, "yesterday");
    for (let i = 0; i < 200; i++) send(aliases, "today");
    expect(send(aliases, "today")).toBe(1);
    expect(send(aliases, "yesterday")).toBeUndefined();
  });

  test("are not for topics as short as they are", () => {
    expect(new OutboundTopicAliases(9).choose("a/b")).toBeUndefined();
  });
});

describe("a server session with topic aliases", () => {
  const shown = (packets: Packet[]): unknown[] =>
    packets.map((packet) => packet.type === "publish" && [packet.topic, packet.properties?.topicAlias, packet.dup]);

  test("sends a topic once, at every QoS, and starts anew with each connection [MQTT-3.3.2-7]", () => {
    const ladder = new SessionLadder();
    const link = ladder.attach({ topicAliases: new OutboundTopicAliases(2) });
    ladder.sendUnacknowledged(testMessage("house/a"));
    ladder.offer(1, "house/a", "house/b");
    ladder.offer(2, "house/b", "house/c");
    expect(shown(link.packets())).toEqual([
      ["house/a", 1, false],
      ["", 1, false],
      ["house/b", 2, false],
      ["", 2, false],
      ["house/c", undefined, false],
    ]);
    ladder.session.detach();
    const next = ladder.attach({ topicAliases: new OutboundTopicAliases(2) });
    expect(shown(next.packets())).toEqual([
      ["house/a", 1, true],
      ["house/b", 2, true],
      ["", 2, true],
      ["house/c", undefined, true],
    ]);
  });

  test("counts the alias, and not the topic that it stands for, against the client's maximum packet size", () => {
    const name = "t".repeat(40);
    const topicAliases = new OutboundTopicAliases(1);
    const ladder = new SessionLadder();
    // Fixed header, topic, properties with an alias, payload.
    const whole = 2 + 2 + 40 + 1 + 3 + 1;
    const link = ladder.attach({ topicAliases, maximumPacketSize: whole });
    ladder.sendUnacknowledged(testMessage(name));
    expect(ladder.sendUnacknowledged(testMessage(name, { payloadBytes: 41 }))).toBe(true);
    expect(ladder.sendUnacknowledged(testMessage(name, { payloadBytes: 42 }))).toBe(false);
    expect(shown(link.packets())).toEqual([
      [name, 1, false],
      ["", 1, false],
    ]);
  });

  test("does not rely on an alias that never left", () => {
    const topicAliases = new OutboundTopicAliases(1);
    const ladder = new SessionLadder();
    const link = ladder.attach({ topicAliases, maximumPacketSize: 20 });
    expect(ladder.sendUnacknowledged(testMessage("house/a", { payloadBytes: 100 }))).toBe(false);
    expect(ladder.sendUnacknowledged(testMessage("house/a"))).toBe(true);
    expect(shown(link.packets())).toEqual([["house/a", 1, false]]);
  });
});
