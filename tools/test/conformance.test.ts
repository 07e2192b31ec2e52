import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { formatPage, pagePath, readConformance, sidesWithoutEntry, unknownStatements } from "../conformance/pages.ts";
import { parseStatements, STANDARDS } from "../conformance/statements.ts";
import { sidesOf, tagsOfCode, tagsOfTests } from "../conformance/tags.ts";

describe.each(STANDARDS)("conformance to MQTT %s", (standard) => {
  const conformance = readConformance(standard);

  test("each statement has a test for each side that it binds, or the reason why there is none", () => {
    const missing = conformance.statements
      .map((statement) => [statement.number, ...sidesWithoutEntry(conformance, statement)])
      .filter(({ length }) => length > 1);
    expect(missing).toEqual([]);
  });

  test("no statement is excused that a test shows", () => {
    const excused = conformance.statements.filter(({ number, reasonBySide }) =>
      [...reasonBySide.keys()].some((side) =>
        conformance.tests.get(number)?.some(({ file }) => sidesOf(file)?.includes(side)),
      ),
    );
    expect(excused.map(({ number }) => number)).toEqual([]);
  });

  test("tests and code name no statement that the standard does not have", () => {
    expect(unknownStatements(conformance)).toEqual([]);
  });

  test("the page is what `npm run conformance` writes", () => {
    expect(readFileSync(pagePath(standard), "utf8")).toBe(formatPage(conformance));
  });
});

describe("a tag", () => {
  const titlesOf = (text: string): unknown[] => tagsOfTests(text).map(({ number, title }) => [number, title]);

  test("in a title belongs to that test", () => {
    expect(titlesOf('test("a b [MQTT-1.2.3-4] [MQTT-4.2-1]", () => {')).toEqual([
      ["1.2.3-4", "a b"],
      ["4.2-1", "a b"],
    ]);
    expect(titlesOf('test.each([1])(\n  "c %i [MQTT-1.2.3-4]",')).toEqual([["1.2.3-4", "c %i"]]);
  });

  test("in a comment belongs to the test around it, or right below it", () => {
    const text = 'test("one", () => {\n  x(); // [MQTT-1.1.1-1]\n});\n// [MQTT-1.1.1-2]\n// and\ntest("two", x);';
    expect(titlesOf(text)).toEqual([
      ["1.1.1-1", "one"],
      ["1.1.1-2", "two"],
    ]);
  });

  test("in a row of a table belongs to the row", () => {
    const text = 'test.each([["row [MQTT-1.1.1-1]", 1], ["case", "MQTT-1.1.1-2"]])("%s", x)';
    expect(titlesOf(text)).toEqual([
      ["1.1.1-1", "row"],
      ["1.1.1-2", "case"],
    ]);
  });

  test("says of which standard it is, and may be a range", () => {
    expect(tagsOfCode("// [MQTT-1.1.1-9] to [MQTT-1.1.1-11], [MQTT-1.1.1-1] of MQTT 3.1.1")).toMatchObject([
      { standard: "5.0", number: "1.1.1-9" },
      { standard: "5.0", number: "1.1.1-10" },
      { standard: "5.0", number: "1.1.1-11" },
      { standard: "3.1.1", number: "1.1.1-1" },
    ]);
  });

  test("that belongs to no test is an error", () => {
    expect(() => tagsOfTests("// [MQTT-1.1.1-1]\nconst a = 1;")).toThrow("[MQTT-1.1.1-1] belongs to no test");
  });
});

test("a list of statements has no line that is none, and no number twice", () => {
  expect(() => parseStatements("5.0", "1.1.1-1 server says")).toThrow("not a statement");
  expect(() => parseStatements("5.0", "1.1.1-1 server: a\n1.1.1-1 client: b")).toThrow("1.1.1-1 is there twice");
  expect(() => parseStatements("5.0", "- server: because")).toThrow("not a statement");
});
