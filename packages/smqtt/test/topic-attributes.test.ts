import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { buildMsp } from "../src/abe/msp.js";
import { policyLeaves } from "../src/abe/policy.js";
import { isSatisfied } from "../src/abe/satisfaction.js";
import { kpAbeSuite } from "../src/suites/kp-abe.js";
import { UnwrapError } from "../src/suites/suite.js";
import { filtersPolicy, topicAttributes } from "../src/suites/topic-attributes.js";
import { coversFilter, matchesTopic, parseTopicFilter, parseTopicName, TopicError } from "../src/topics.js";
import { mcl, noble } from "./backends.js";
import { seed, seededBytes } from "./seed.js";
import { grantOf, NOW, publisherOf, readerOf } from "./suite-case.js";

/** MQTT 5.0 4.7 written another way: the filter as a regular expression. */
function expectedMatch(filter: string, topic: string): boolean {
  if (/^[+#]/.test(filter) && topic.startsWith("$")) return false;
  const escaped = filter.replaceAll(/[.*?^${}()|[\]\\]/g, "\\$&");
  const pattern = escaped.replaceAll("+", "[^/]*").replace(/^#$/, ".*").replace(/\/#$/, "(/.*)?");
  return new RegExp(`^${pattern}$`, "su").test(topic);
}

const LEVELS = ["a", "b", "c", "", "$SYS", "$x", "ab", "é", "e\u0301", "\u0338x", "L1=a", "1", "=", "x".repeat(220)];

function randomTopic(random: SeededRandom): string {
  const topic = Array.from({ length: random.nextInteger(1, 5) }, () => randomLevel(random)).join("/");
  return topic === "" ? "a" : topic;
}

function randomLevel(random: SeededRandom): string {
  return random.chance(0.7) ? random.pick(LEVELS.slice(0, 3)) : random.pick(LEVELS);
}

/** Half of them made from the topic, so that matches are as frequent as misses. */
function randomFilter(random: SeededRandom, topic: string): string {
  const levels = random.chance(0.6) ? topic.split("/") : randomTopic(random).split("/");
  const filter = levels.map((level) => (random.chance(0.3) ? "+" : level));
  if (random.chance(0.35)) filter.splice(random.nextInteger(0, filter.length), filter.length, "#");
  const text = filter.join("/");
  return text === "" ? "+" : text;
}

describe("topics and filters as attributes", () => {
  it(`100,000 random pairs: the key's policy is satisfied exactly when MQTT's matching says so (seed ${seed})`, () => {
    const random = new SeededRandom(seed);
    let matches = 0;
    for (let pair = 0; pair < 100_000; pair++) {
      const topic = randomTopic(random);
      const filters = Array.from({ length: random.chance(0.8) ? 1 : random.nextInteger(2, 5) }, () =>
        randomFilter(random, topic),
      );
      const expected = filters.some((filter) => expectedMatch(filter, topic));
      if (expected) matches++;
      const actual = isSatisfied(filtersPolicy(filters), new Set(topicAttributes(topic)));
      if (actual !== expected) throw new Error(`${JSON.stringify(filters)} on ${JSON.stringify(topic)}: ${actual}`);
      const plain = filters.some((filter) => matchesTopic(filter, topic));
      if (plain !== expected) throw new Error(`matchesTopic ${JSON.stringify(filters)} on ${JSON.stringify(topic)}`);
    }
    expect(matches).toBeGreaterThan(30_000);
    expect(matches).toBeLessThan(80_000);
  }, 60_000);

  // The whole way, with real keys and pairings; KEYS=500 for a longer run.
  it(`a sample of pairs with real keys: kp-abe opens exactly when MQTT's matching says so (seed ${seed})`, async () => {
    const random = new SeededRandom(seed + 1);
    const bytes = seededBytes(seed + 1);
    const suite = kpAbeSuite(mcl, () => noble);
    const master = await suite.setup(bytes);
    const context = new Uint8Array([1, 2, 3]);
    let opened = 0;
    const keys = Number(process.env["KEYS"] ?? 10);
    for (let key = 0; key < keys; key++) {
      const topics = Array.from({ length: 5 }, () => randomTopic(random));
      const filters = [randomFilter(random, topics[0] ?? "a")];
      const validity = { from: NOW - 3600, until: NOW + 3600 };
      const enrolment = await suite.enrol(master, grantOf({ subscribe: filters, validity }), bytes);
      for (const topic of topics) {
        const target = { topic, policy: undefined, time: NOW };
        const { contentKey, wrap } = await suite.wrap(publisherOf(enrolment), target, context, bytes);
        const unwrapped = suite.unwrap(readerOf(enrolment), wrap, context);
        if (filters.some((filter) => expectedMatch(filter, topic))) {
          opened++;
          await expect(unwrapped).resolves.toEqual(contentKey);
        } else {
          await expect(unwrapped).rejects.toThrow(UnwrapError);
        }
      }
    }
    expect(opened).toBeGreaterThan(keys / 4);
  }, 600_000);

  it("a filter covers another exactly when it matches all that the other matches, on random topics", () => {
    const random = new SeededRandom(seed + 2);
    for (let round = 0; round < 20_000; round++) {
      const topic = randomTopic(random);
      const [wide, narrow] = [randomFilter(random, topic), randomFilter(random, topic)];
      if (coversFilter(wide, narrow) && expectedMatch(narrow, topic)) expect(expectedMatch(wide, topic)).toBe(true);
    }
    expect(coversFilter("a/#", "a")).toBe(true);
    expect(coversFilter("#", "$SYS/#")).toBe(false);
    expect(coversFilter("+", "#")).toBe(false);
    expect(coversFilter("a/+", "a/#")).toBe(false);
    expect(coversFilter("+/+", "a/b")).toBe(true);
  });

  it.each([
    ["#", ["pub"]],
    ["+", ["pub", "N=1"]],
    ["house/#", ["L1=house"]],
    ["house/+/#", ["L1=house", "D>=2"]],
    ["+/+/temperature", ["pub", "L3=temperature", "N=3"]],
    ["$SYS/#", ["L1=$SYS"]],
    ["a//b", ["L1=a", "L2=", "L3=b", "N=3"]],
  ])("%s asks for %j", (filter, attributes) => {
    expect(policyLeaves(filtersPolicy([filter]))).toEqual(attributes);
  });

  it("what filters share is written once: five filters with a common prefix and a common end", () => {
    const filters = ["house/+/temperature", "house/+/humidity", "house/kitchen/+", "house/hall/light/#", "house/attic"];
    const msp = buildMsp(filtersPolicy(filters));
    expect(msp.rows.length).toBeLessThanOrEqual(14);
    expect(msp.occurrences).toBeLessThanOrEqual(2);
    // A filter within another adds nothing.
    expect(filtersPolicy(["house/#", "house/kitchen/+", "house/+/temperature"])).toEqual(filtersPolicy(["house/#"]));
  });

  it.each(["", "a/+b", "a/#/b", "#a", "a\0", "\ud800"])("%j is no filter", (filter) => {
    expect(() => parseTopicFilter(filter)).toThrow(TopicError);
  });

  it.each(["", "a/+", "#", "a\0"])("%j is no topic name", (topic) => {
    expect(() => parseTopicName(topic)).toThrow(TopicError);
  });
});
