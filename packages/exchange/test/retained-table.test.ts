import { encodeUtf8 } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createMessage,
  Exchange,
  type ExchangeOptions,
  MemoryStore,
  type Message,
  RetainedTable,
} from "../src/index.js";
import { FILTER, naiveMatches, TOPIC } from "./naive-exchange.js";

function message(topic: string, text = topic): Message {
  return createMessage({ topic, payload: encodeUtf8(text), retain: true, publishedAt: 0 });
}

function topicsMatching(table: RetainedTable, filter: string): string[] {
  return Array.from(table.scan(filter), (message) => message?.topic)
    .filter((topic) => topic !== undefined)
    .sort();
}

const STEP = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("set" as const), topic: TOPIC, text: fc.string() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), topic: TOPIC, text: fc.constant("") }) },
);

describe("any series of setting and deleting", () => {
  test("is that of a map from topic to message, found by a scan", () => {
    fc.assert(
      fc.property(
        fc.array(STEP, { maxLength: 80 }),
        fc.array(FILTER, { minLength: 1, maxLength: 10 }),
        (steps, filters) => {
          const table = new RetainedTable();
          const model = new Map<string, Message>();
          for (const { kind, topic, text } of steps) {
            if (kind === "set") {
              const set = message(topic, text);
              table.set(set);
              model.set(topic, set);
            } else {
              expect(table.delete(topic)).toBe(model.get(topic));
              model.delete(topic);
            }
            expect(table.get(topic)).toBe(model.get(topic));
            expect(table.size).toBe(model.size);
            expect(table.sizeBytes).toBe([...model.values()].reduce((sum, each) => sum + each.sizeBytes, 0));
          }
          for (const filter of filters) {
            const expected = [...model.keys()].filter((topic) => naiveMatches(filter, topic)).sort();
            expect(topicsMatching(table, filter)).toEqual(expected);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("while a walk goes on: what stays throughout is found once, what goes is not found afterwards", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(TOPIC, { minLength: 1, maxLength: 30 }),
        FILTER,
        fc.array(fc.tuple(fc.nat(3), STEP), { maxLength: 40 }),
        (topics, filter, steps) => {
          const table = new RetainedTable();
          const present = new Set(topics);
          for (const topic of topics) table.set(message(topic));
          const touched = new Set<string>();
          const found: string[] = [];
          const pending = [...steps];
          const apply = (): void => {
            const next = pending.shift();
            if (next === undefined) return;
            const [pause, { kind, topic }] = next;
            touched.add(topic);
            if (kind === "set") {
              table.set(message(topic));
              present.add(topic);
            } else {
              table.delete(topic);
              present.delete(topic);
            }
            if (pause === 0) apply();
          };
          for (const message of table.scan(filter)) {
            if (message === undefined) continue;
            const { topic } = message;
            expect(present.has(topic)).toBe(true);
            found.push(topic);
            apply();
          }
          const untouched = topics.filter((topic) => !touched.has(topic) && naiveMatches(filter, topic)).sort();
          expect(found.filter((topic) => !touched.has(topic)).sort()).toEqual(untouched);
          expect(found.every((topic) => naiveMatches(filter, topic))).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

test("a topic of many levels that comes and goes leaves the table as it was", () => {
  const table = new RetainedTable();
  const deep = Array.from({ length: 128 }, (_, i) => `l${i}`).join("/");
  table.set(message("l0"));
  table.set(message(deep));
  expect(topicsMatching(table, "l0/#")).toEqual(["l0", deep].sort());
  table.delete(deep);
  expect(topicsMatching(table, "#")).toEqual(["l0"]);
  expect(table.get("l0/l1")).toBeUndefined();
});

test("messages of topics beginning with $ stay out of wildcards on the first level [MQTT-4.7.2-1]", () => {
  const table = new RetainedTable();
  for (const topic of ["$SYS/uptime", "$SYS", "a/$SYS", "b"]) table.set(message(topic));
  expect(topicsMatching(table, "#")).toEqual(["a/$SYS", "b"]);
  expect(topicsMatching(table, "+/#")).toEqual(["a/$SYS", "b"]);
  expect(topicsMatching(table, "+/$SYS")).toEqual(["a/$SYS"]);
  expect(topicsMatching(table, "+")).toEqual(["b"]);
  expect(topicsMatching(table, "$SYS/#")).toEqual(["$SYS", "$SYS/uptime"]);
  expect(topicsMatching(table, "$SYS/+")).toEqual(["$SYS/uptime"]);
});

describe("the limits of retained messages", () => {
  const setUp = (options: ExchangeOptions, store = new MemoryStore({ durability: "sync" })) => {
    const gone: string[] = [];
    const exchange = new Exchange({ ...options, store, onRetainedRefused: ({ topic }) => gone.push(topic) });
    let now = 0;
    const retain = (topic: string, bytes = 1): void => {
      const payload = new Uint8Array(bytes);
      const message = createMessage({ topic, payload, retain: true, publishedAt: now++ });
      exchange.publish(exchange.topics.internName(topic), message);
    };
    const kept = (): string[] => Array.from(exchange.retainedMatching("#", 0), ({ topic }) => topic).sort();
    return { exchange, store, gone, retain, kept };
  };

  test("what comes is not retained, unless it replaces something", () => {
    const { gone, retain, kept } = setUp({ maxRetainedMessages: 2 });
    for (const topic of ["a", "b", "c", "a"]) retain(topic);
    expect([kept(), gone]).toEqual([["a", "b"], ["c"]]);
  });

  test("with drop-oldest those go that were set longest ago, from the store as well", () => {
    const { store, gone, retain, kept } = setUp({ maxRetainedMessages: 2, retainedFullPolicy: "drop-oldest" });
    for (const topic of ["a", "b", "a", "c"]) retain(topic);
    expect([kept(), gone]).toEqual([["a", "c"], ["b"]]);
    expect(Array.from(store.range("retained", []), ([[topic]]) => topic)).toEqual(["a", "c"]);
  });

  test("as many as a large one needs, and none for one that has no room at all", () => {
    const { gone, retain, kept } = setUp({ maxRetainedBytes: 100, retainedFullPolicy: "drop-oldest" });
    for (const topic of ["a", "b", "c"]) retain(topic, 30);
    retain("d", 60);
    expect([kept(), gone]).toEqual([
      ["c", "d"],
      ["a", "b"],
    ]);
    retain("e", 200);
    expect([kept(), gone]).toEqual([
      ["c", "d"],
      ["a", "b", "e"],
    ]);
  });

  test("the order outlives a restart", () => {
    const options = { maxRetainedMessages: 3, retainedFullPolicy: "drop-oldest" } as const;
    const before = setUp(options);
    for (const topic of ["c", "b", "a"]) before.retain(topic);
    void before.store.commit();
    const after = setUp(options, before.store.crash());
    after.retain("d");
    expect([after.kept(), after.gone]).toEqual([["a", "b", "d"], ["c"]]);
  });
});
