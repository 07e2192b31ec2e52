import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import { MemoryStore } from "@isthmus/exchange";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { HistoryOptions } from "../src/history/history-options.js";
import { History, type HistoryQuery } from "../src/history/history.js";
import { Publisher } from "../src/publisher.js";
import { MemoryDoor } from "./memory-door.js";

const NOBODY = { user: undefined };
const ORIGIN = { door: "http", name: "test" };

/** A hub with a history, and a way to publish to it at a time of one's own. */
class Bench {
  readonly store: MemoryStore;
  readonly hub: MemoryDoor;
  readonly history: History;
  readonly #publisher: Publisher;

  constructor(options: HistoryOptions, store = new MemoryStore({ durability: "sync" })) {
    this.store = store;
    this.hub = new MemoryDoor({ exchange: { store } });
    this.history = new History(this.hub.door, options);
    this.#publisher = new Publisher(this.hub.door, 1_000_000);
  }

  async publish(topic: string, text: string, expiresAt = Number.POSITIVE_INFINITY): Promise<void> {
    await this.#publisher.publish(NOBODY, ORIGIN, { topic, payload: encodeUtf8(text), expiresAt });
  }

  texts(query: HistoryQuery): string[] {
    return Array.from(this.history.read(query), ({ message }) => decodeUtf8(message.payload));
  }

  async close(): Promise<void> {
    await this.history.close();
    await this.hub.close();
  }
}

describe("the history", () => {
  test("keeps what its rules are about, in the order of publication over all topics", async () => {
    const bench = new Bench({ rules: [{ filter: "house/#" }] });
    for (const [topic, text] of [
      ["house/a", "1"],
      ["house/b", "2"],
      ["garden/a", "3"],
      ["house/a", "4"],
    ] as const)
      await bench.publish(topic, text);
    expect(bench.texts({ filter: "#" })).toEqual(["1", "2", "4"]);
    expect(bench.texts({ filter: "house/a" })).toEqual(["1", "4"]);
    expect(bench.texts({ filter: "garden/a" })).toEqual([]);
    await bench.close();
  });

  test("keeps of each topic the last so many, and says how many are gone", async () => {
    const bench = new Bench({ rules: [{ filter: "+/t", maxMessages: 3 }] });
    for (let i = 1; i <= 5; i++) await bench.publish("a/t", `a${i}`);
    await bench.publish("b/t", "b1");
    expect(bench.texts({ filter: "#" })).toEqual(["a3", "a4", "a5", "b1"]);
    expect(bench.history.summaries("#")).toEqual([
      { topic: "a/t", kept: 3, dropped: 2 },
      { topic: "b/t", kept: 1, dropped: 0 },
    ]);
    await bench.close();
  });

  test("keeps the widest bounds of all rules about a topic", async () => {
    const bench = new Bench({
      rules: [
        { filter: "a/#", maxMessages: 1 },
        { filter: "a/+", maxMessages: 2 },
      ],
    });
    for (let i = 1; i <= 3; i++) await bench.publish("a/t", `${i}`);
    expect(bench.texts({ filter: "#" })).toEqual(["2", "3"]);
    await bench.close();
  });

  test("outlives the process, and counts on where it was", async () => {
    const options = { rules: [{ filter: "#", maxMessages: 2 }] };
    const before = new Bench(options);
    for (const text of ["1", "2", "3"]) await before.publish("t", text);
    const after = new Bench(options, before.store.crash());
    expect(after.history.sizeBytes).toBe(before.history.sizeBytes);
    await after.publish("t", "4");
    expect(after.texts({ filter: "t" })).toEqual(["3", "4"]);
    expect(after.history.summaries("t")).toEqual([{ topic: "t", kept: 2, dropped: 2 }]);
    await Promise.all([before.close(), after.close()]);
  });

  test("drops what no rule is about any more", async () => {
    const before = new Bench({ rules: [{ filter: "#" }] });
    await before.publish("a", "1");
    await before.publish("b", "2");
    const after = new Bench({ rules: [{ filter: "b" }] }, before.store.crash());
    expect(after.texts({ filter: "#" })).toEqual(["2"]);
    await after.hub.door.flushScheduler.whenStored();
    expect([...after.store.crash().range("history", [])]).toHaveLength(1);
    await Promise.all([before.close(), after.close()]);
  });

  test("can be asked for a time, for the newest, and for what came after", async () => {
    const bench = new Bench({ rules: [{ filter: "#" }] });
    for (const text of ["1", "2", "3"]) await bench.publish("t", text);
    const entries = [...bench.history.read({ filter: "t" })];
    const [first, second] = entries;
    expect(bench.texts({ filter: "t", last: 2 })).toEqual(["2", "3"]);
    expect(bench.texts({ filter: "t", after: second?.number })).toEqual(["3"]);
    expect(bench.texts({ filter: "t", to: (first?.message.publishedAt ?? 0) - 1 })).toEqual([]);
    expect(bench.texts({ filter: "t", from: first?.message.publishedAt })).toEqual(["1", "2", "3"]);
    await bench.close();
  });

  test("gives nobody what has expired", async () => {
    const bench = new Bench({ rules: [{ filter: "#" }] });
    await bench.publish("t", "gone", Date.now() - 1);
    await bench.publish("t", "there", Date.now() + 60_000);
    expect(bench.texts({ filter: "t" })).toEqual(["there"]);
    await bench.close();
  });

  test("forgets the topic that was silent for the longest when there are too many", async () => {
    const bench = new Bench({ rules: [{ filter: "#" }], maxTopics: 2 });
    await bench.publish("a", "a1");
    await bench.publish("b", "b1");
    await bench.publish("a", "a2");
    await bench.publish("c", "c1");
    expect(bench.texts({ filter: "#" })).toEqual(["a1", "a2", "c1"]);
    await bench.close();
  });

  test("does not keep what is larger than all of it", async () => {
    const bench = new Bench({ rules: [{ filter: "#" }], maxBytes: 200 });
    await bench.publish("t", "small");
    await bench.publish("t", "x".repeat(300));
    expect(bench.texts({ filter: "#" })).toEqual(["small"]);
    await bench.close();
  });

  test("of any publications is what a list with the same bounds holds, before and after a crash", async () => {
    const publication = fc.tuple(fc.constantFrom("a/x", "a/y", "b"), fc.nat({ max: 20 }));
    await fc.assert(
      fc.asyncProperty(fc.array(publication, { maxLength: 40 }), async (publications) => {
        const options = { rules: [{ filter: "a/#", maxMessages: 4 }, { filter: "b" }], maxBytes: 600 };
        const bench = new Bench(options);
        let expected: { topic: string; text: string; size: number }[] = [];
        let sequence = 0;
        for (const [topic, length] of publications) {
          const text = `${sequence++}:${"x".repeat(length)}`;
          await bench.publish(topic, text);
          // Form, flags and times; topic, door and name; properties; payload.
          expected.push({ topic, text, size: 18 + 4 + topic.length + 8 + 4 + 4 + 1 + text.length });
          const ofTopic = expected.filter((each) => each.topic === topic);
          if (topic !== "b" && ofTopic.length > 4) expected = expected.filter((each) => each !== ofTopic[0]);
          while (expected.reduce((sum, { size }) => sum + size, 0) > 600) expected.shift();
        }
        const restarted = new Bench(options, bench.store.crash());
        for (const each of [bench, restarted]) {
          expect(each.texts({ filter: "#" })).toEqual(expected.map(({ text }) => text));
          expect(each.history.sizeBytes).toBe(expected.reduce((sum, { size }) => sum + size, 0));
          await each.close();
        }
      }),
      { numRuns: 50 },
    );
  });
});
