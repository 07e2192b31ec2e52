import { describe, expect, test } from "vitest";
import { compileQuery, treeRows } from "../src/model/topic-tree.js";

const drawn = (topics: readonly string[], collapsed: readonly string[] = []): string[] =>
  treeRows(topics, new Set(collapsed)).map(
    ({ label, depth, isTopic, topicsBelow }) => `${"  ".repeat(depth)}${label}${isTopic ? "" : ` (${topicsBelow})`}`,
  );

describe("the tree of topics", () => {
  test("is sorted as people count, and joins levels that lead to one other only", () => {
    const topics = ["house/room10/t", "house/room2/t", "house/room2/h", "garden/shed/door", "house"];
    expect(drawn(topics)).toEqual(["garden/shed/door", "house", "  room2 (2)", "    h", "    t", "  room10/t"]);
  });

  test("leaves out what is below collapsed levels, and tells how much that is", () => {
    const rows = treeRows(["a/1", "a/2", "a/2/3", "b"], new Set(["a"]));
    expect(rows.map(({ path, isExpanded, topicsBelow }) => [path, isExpanded, topicsBelow])).toEqual([
      ["a", false, 3],
      ["b", true, 0],
    ]);
  });

  test("has room for empty levels [MQTT-4.7.1.1] and for names that objects have", () => {
    expect(drawn(["/a", "//", "constructor", "__proto__/x"])).toEqual([
      " (2)",
      "  /",
      "  a",
      "__proto__/x",
      "constructor",
    ]);
  });

  test("stands topics as deep as they may be", () => {
    const levels = Array.from({ length: 30_000 }, () => "a").join("/");
    expect(treeRows([levels], new Set())).toHaveLength(1);
    const nested = Array.from({ length: 1000 }, (_, at) => "a/".repeat(at) + "a");
    expect(treeRows(nested, new Set())).toHaveLength(1000);
  });
});

describe("what is typed to find topics", () => {
  test.each([
    ["", "house/door", true],
    ["  ", "house/door", true],
    ["DOOR", "house/door", true],
    ["/do", "house/door", true],
    ["room", "house/door", false],
    ["house/+", "house/door", true],
    ["house/+", "house/door/open", false],
    ["house/#", "house/door/open", true],
    ["#", "$private", false],
    // No filter yet.
    ["a+", "xa+y", true],
    ["#/", "house", false],
  ])("%j finds %s: %s", (query, topic, isFound) => {
    expect(compileQuery(query)(topic)).toBe(isFound);
  });
});
