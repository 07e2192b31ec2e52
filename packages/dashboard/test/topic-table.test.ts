import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ReceivedMessage } from "../src/model/topic-entry.js";
import { TopicTable } from "../src/model/topic-table.js";

function message(topic: string, payload: string, retain = false): ReceivedMessage {
  return { topic, payload: new TextEncoder().encode(payload), qos: 0, retain, properties: {} };
}

const topicsOf = (table: TopicTable): string[] => Array.from(table.entries(), ({ topic }) => topic);

describe("the topics that the page knows", () => {
  test("hold their newest messages, of which the newest is whole and the others are short", () => {
    const table = new TopicTable({ messages: 3, newestBytes: 8, earlierBytes: 2 });
    for (const text of ["one", "two", "three", "four and more"]) table.receive(message("a", text), 1);
    const kept = table.get("a")?.messages.map(({ payload }) => new TextDecoder().decode(payload));
    expect(kept).toEqual(["tw", "th", "four and"]);
    expect(table.get("a")?.messages.map(({ sizeBytes }) => sizeBytes)).toEqual([3, 5, 13]);
    expect(table.get("a")?.messageCount).toBe(4);
  });

  test("are copies: what the message came with can be let go", () => {
    const table = new TopicTable();
    const received = message("a", "x");
    table.receive(received, 1);
    received.payload[0] = 0;
    expect(table.get("a")?.newest?.payload).toEqual(new Uint8Array([0x78]));
  });

  test("are gone once their retained value is cleared (MQTT 5.0 3.3.1.3)", () => {
    const table = new TopicTable();
    table.receive(message("a", "x", true), 1);
    table.receive(message("a", ""), 2);
    expect(table.get("a")?.newest?.payload.length).toBe(0);
    const { revision } = table;
    table.receive(message("a", "", true), 3);
    expect(table.get("a")).toBeUndefined();
    expect(table.revision).not.toBe(revision);
  });

  test("are forgotten beyond the bound, those first that were silent for longest", () => {
    const table = new TopicTable({ topics: 2 });
    for (const topic of ["a", "b", "a", "c"]) table.receive(message(topic, "x"), 1);
    expect(topicsOf(table)).toEqual(["a", "c"]);
    expect(table.forgottenTopics).toBe(1);
  });

  test("stay within their bytes, whatever comes", () => {
    const limits = { topics: 5, bytes: 2000, messages: 4, newestBytes: 500, earlierBytes: 50 };
    const messages = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.nat(800), fc.boolean()), { maxLength: 60 });
    fc.assert(
      fc.property(messages, (all) => {
        const table = new TopicTable(limits);
        for (const [topic, size, retain] of all) {
          table.receive(message(`t/${topic}`, "x".repeat(size), retain), 1);
          const bytes = Array.from(table.entries(), ({ keptBytes }) => keptBytes).reduce((a, b) => a + b, 0);
          expect(table.size).toBeLessThanOrEqual(limits.topics);
          expect(bytes).toBeLessThanOrEqual(limits.bytes);
          // What has just come is shown.
          if (size > 0) expect(topicsOf(table).at(-1)).toBe(`t/${topic}`);
        }
      }),
    );
  });

  test("tell how fast messages come, and what was there before is no message", () => {
    const table = new TopicTable();
    table.receive(message("old", "x", true), 0, true);
    for (let second = 0; second < 20; second++) {
      for (let at = 0; at < 10; at++) table.receive(message("a", "x"), second * 1000);
      table.updateRates(1000);
    }
    expect(table.get("a")?.ratePerSecond).toBeCloseTo(10, 2);
    expect(table.get("old")?.ratePerSecond).toBe(0);
    for (let second = 0; second < 20; second++) table.updateRates(1000);
    expect(table.get("a")?.ratePerSecond).toBe(0);
  });
});
