import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { TopicTable } from "../src/index.js";

function intern(table: TopicTable, name: string, padding = 0): ReturnType<TopicTable["intern"]> {
  const bytes = encodeUtf8(name);
  const source = new Uint8Array(bytes.length + 2 * padding).fill(0x2f);
  source.set(bytes, padding);
  return table.intern(source, padding, padding + bytes.length);
}

describe("TopicTable", () => {
  test("gives the topic whose name the bytes spell, wherever they lie", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: "grapheme" }), fc.nat(5)), { maxLength: 100 }), (names) => {
        const table = new TopicTable(decodeUtf8, 4);
        for (const [name, padding] of names) {
          const topic = intern(table, name, padding);
          expect(topic.name).toBe(name);
          expect(decodeUtf8(topic.bytes)).toBe(name);
          expect(intern(table, name)).toBe(topic);
        }
      }),
    );
  });

  test("parses a known topic once, and owns its bytes", () => {
    const parse = vi.fn<(bytes: Uint8Array, start: number, end: number) => string>(decodeUtf8);
    const table = new TopicTable(parse);
    const source = encodeUtf8("house/door");
    const topic = table.intern(source, 0, source.length);
    expect(table.intern(source.slice(), 0, source.length)).toBe(topic);
    expect(parse).toHaveBeenCalledTimes(1);
    source.fill(0x78);
    expect(intern(table, "house/door")).toBe(topic);
    expect(parse).toHaveBeenCalledTimes(1);
  });

  test("is bounded: a newer topic takes an older one's place, which is then parsed again", () => {
    const table = new TopicTable(decodeUtf8, 4);
    const topics = Array.from({ length: 100 }, (_, i) => intern(table, `topic/${i}`));
    const again = Array.from({ length: 100 }, (_, i) => intern(table, `topic/${i}`));
    expect(again.map(({ name }) => name)).toEqual(topics.map(({ name }) => name));
    expect(again.filter((topic, i) => topic === topics[i]).length).toBeLessThanOrEqual(4);
  });

  test("does not remember names of kilobytes: thousands of them would fill the memory", () => {
    const table = new TopicTable(decodeUtf8);
    const [short, long] = ["x".repeat(1024), "x".repeat(1025)];
    expect(intern(table, short)).toBe(intern(table, short));
    expect(intern(table, long)).not.toBe(intern(table, long));
    expect(intern(table, long).name).toBe(long);
  });

  test("remembers most of as many topics as it has slots", () => {
    const table = new TopicTable(decodeUtf8, 1024);
    const names = Array.from({ length: 256 }, (_, i) => `site${i % 7}/device${i}/temperature`);
    const topics = names.map((name) => intern(table, name));
    const kept = names.filter((name, i) => intern(table, name) === topics[i]).length;
    // 256 in 256 sets of four: by chance, one in three hundred is the fifth of its set.
    expect(kept).toBeGreaterThan(250);
  });

  test("what the parser throws passes through, and nothing is remembered", () => {
    const parse = vi.fn<() => string>(() => {
      throw new SyntaxError("no topic");
    });
    const table = new TopicTable(parse);
    expect(() => intern(table, "a")).toThrow("no topic");
    expect(() => intern(table, "a")).toThrow("no topic");
    expect(parse).toHaveBeenCalledTimes(2);
  });
});
