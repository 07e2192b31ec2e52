import { encodeUtf8, fromHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { MqttProtocolError } from "../../src/codec/errors.js";
import {
  parseSharedFilter,
  parseTopicFilter,
  parseTopicName,
  parseTopicNameBytes,
  topicMatches,
  TopicSyntaxError,
} from "../../src/topics/index.js";

describe("a topic name (4.7)", () => {
  test.each([
    "a",
    "/",
    "//",
    "a/b/c",
    " ",
    "$SYS/uptime",
    "ACCOUNTS payable",
    "\u{feff}",
    "a/\u{1f309}",
    "x".repeat(65_535),
  ])("may be %j", (text) => {
    expect(parseTopicName(text)).toBe(text);
    const bytes = encodeUtf8(text);
    expect(parseTopicNameBytes(bytes, 0, bytes.length)).toBe(text);
  });

  // [MQTT-4.7.0-1], [MQTT-4.7.3-1] to [MQTT-4.7.3-3], [MQTT-4.7.1-1] of MQTT 3.1.1, [MQTT-4.7.3-1] of MQTT 3.1.1
  // [MQTT-4.7.3-2] of MQTT 3.1.1, [MQTT-4.7.3-3] of MQTT 3.1.1
  test.each([
    ["", /at least one character/],
    ["a/+", /wildcard/],
    ["#", /wildcard/],
    ["a#b", /wildcard/],
    ["a\0b", /U\+0000/],
    ["\ud800", /surrogate/],
    ["x".repeat(65_536), /65536 bytes/],
    ["é".repeat(32_768), /65536 bytes/],
    ["€".repeat(21_846), /65538 bytes/],
  ])("may not be %j", (text, message) => {
    expect(() => parseTopicName(text)).toThrow(TopicSyntaxError);
    expect(() => parseTopicName(text)).toThrow(message);
  });

  test("has a limit of levels that the caller sets", () => {
    expect(parseTopicName("a/b/c", { maximumLevels: 3 })).toBe("a/b/c");
    expect(() => parseTopicName("a/b/c/d", { maximumLevels: 3 })).toThrow(/4 levels/);
    expect(parseTopicName("/".repeat(65_535))).toHaveLength(65_535);
  });

  test.each([
    ["", "topicNameInvalid"],
    ["2b", "topicNameInvalid"],
    ["61 00", "malformedPacket"],
    ["ff", "malformedPacket"],
    ["eda080", "malformedPacket"],
    ["c080", "malformedPacket"],
  ])("of the bytes %s is the peer's error %s", (hex, reason) => {
    const bytes = fromHex(hex);
    let error: unknown;
    try {
      parseTopicNameBytes(bytes, 0, bytes.length);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(MqttProtocolError);
    expect(error).toMatchObject({ reasonName: reason });
  });
});

describe("a topic filter (4.7.1)", () => {
  test.each(["#", "+", "a", "/", "a/#", "/#", "+/#", "+/+", "/+", "+/", "a/+/b", "a/+/+/#", "$SYS/#", "a b/\n/+"])(
    "may be %j",
    (text) => {
      expect(parseTopicFilter(text)).toBe(text);
    },
  );

  test.each([
    "",
    "a#",
    "#/a",
    "a/#/b",
    "##",
    "#+",
    "a/b#",
    "+a",
    "a+",
    "a/+b/c",
    "++",
    "+#",
    "a\n+",
    "+\n",
    "#\n",
    "\n#",
    "a\0",
  ])("may not be %j", (text) => {
    expect(() => parseTopicFilter(text)).toThrow(TopicSyntaxError);
  });

  test("has the limits of a topic name", () => {
    expect(() => parseTopicFilter("x".repeat(65_536))).toThrow(/65536 bytes/);
    expect(parseTopicFilter("a/#", { maximumLevels: 2 })).toBe("a/#");
    expect(() => parseTopicFilter("a/b/#", { maximumLevels: 2 })).toThrow(/3 levels/);
  });
});

describe("a shared subscription (4.8.2)", () => {
  test.each([
    ["$share/g/a/b", "g", "a/b"],
    ["$share/consumer 1/#", "consumer 1", "#"],
    ["$share/g//finance", "g", "/finance"],
    ["$share/g/$SYS/#", "g", "$SYS/#"],
    ["$share/$share/$share/g/a", "$share", "$share/g/a"],
    ["$share/g/a/b/c", "g", "a/b/c"],
  ])("%s names its group and its filter", (text, shareName, topicFilter) => {
    expect(parseSharedFilter(text, { maximumLevels: 3 })).toStrictEqual({ shareName, topicFilter });
  });

  test.each([
    "$share/",
    "$share/g",
    "$share/g/",
    "$share//a",
    "$share/+/a",
    "$share/g#/a",
    "$share/g/a#",
    "$share/g/\0",
  ])("%j is none [MQTT-4.8.2-1] [MQTT-4.8.2-2]", (text) => {
    expect(() => parseSharedFilter(text)).toThrow(TopicSyntaxError);
  });

  test.each(["a/b", "$share", "$shared/g/a", "/$share/g/a", "#"])("%s is not shared", (text) => {
    expect(parseSharedFilter(text)).toBeUndefined();
  });
});

describe("a topic filter matches", () => {
  test.each([
    // 4.7.1.2
    ["sport/tennis/player1/#", "sport/tennis/player1", true],
    ["sport/tennis/player1/#", "sport/tennis/player1/ranking", true],
    ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true],
    ["sport/tennis/player1/#", "sport/tennis/player10", false],
    ["sport/#", "sport", true],
    ["sport/#", "sports", false],
    ["#", "sport", true],
    ["#", "/", true],
    // 4.7.1.3
    ["sport/tennis/+", "sport/tennis/player1", true],
    ["sport/tennis/+", "sport/tennis/player1/ranking", false],
    ["sport/+", "sport", false],
    ["sport/+", "sport/", true],
    ["+/+", "/finance", true],
    ["/+", "/finance", true],
    ["+", "/finance", false],
    ["+/tennis/#", "sport/tennis", true],
    // 4.7.2 [MQTT-4.7.2-1]
    ["#", "$SYS/uptime", false],
    ["+/monitor/Clients", "$SYS/monitor/Clients", false],
    ["$SYS/#", "$SYS/uptime", true],
    ["$SYS/#", "$SYS", true],
    ["$SYS/monitor/+", "$SYS/monitor/Clients", true],
    ["a/#", "a/$b", true],
    ["a/+", "a/$b", true],
    // 4.7.3 [MQTT-4.7.3-4]
    ["ACCOUNTS", "Accounts", false],
    ["finance", "/finance", false],
    ["a/b", "a/b", true],
    ["a/b", "a/b/c", false],
    ["a/b/c", "a/b", false],
    ["a/b/c/#", "a/b", false],
    ["a/+/c", "a//c", true],
    ["a//c", "a//c", true],
    // The examples of the project's brief.
    ["house/+/temperature", "house/living-room/temperature", true],
    ["house/+/temperature", "house/kitchen/temperature", true],
    ["house/+/temperature", "house/door", false],
    ["house/#", "house/door", true],
  ])("%s and %s: %s", (filter, topic, isMatch) => {
    expect(topicMatches(parseTopicFilter(filter), parseTopicName(topic))).toBe(isMatch);
  });

  test("as a plain comparison of levels does", () => {
    const level = fc.constantFrom("", "a", "b", "$s");
    const topics = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
    const filters = fc
      .tuple(fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 4 }), fc.boolean())
      .map(([levels, isOpen]) => [...levels, ...(isOpen ? ["#"] : [])].join("/"));
    fc.assert(
      fc.property(
        topics.filter((topic) => topic !== ""),
        filters.filter((filter) => filter !== ""),
        (topic, filter) => {
          expect(topicMatches(parseTopicFilter(filter), parseTopicName(topic))).toBe(
            matchesByLevels(filter.split("/"), topic.split("/")),
          );
        },
      ),
      { numRuns: 3000 },
    );
  });
});

function matchesByLevels(filter: readonly string[], topic: readonly string[]): boolean {
  const [first] = filter;
  if (topic[0]?.startsWith("$") && (first === "#" || first === "+")) return false;
  const isOpen = filter.at(-1) === "#";
  const fixed = isOpen ? filter.slice(0, -1) : filter;
  if (isOpen ? topic.length < fixed.length : topic.length !== fixed.length) return false;
  return fixed.every((level, i) => level === "+" || level === topic[i]);
}
