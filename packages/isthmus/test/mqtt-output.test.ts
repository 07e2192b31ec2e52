import { execFileSync } from "node:child_process";
import { afterEach, describe, expect, it } from "vitest";
import { formatJson, formatPrettyJson, RawJson } from "../src/mqtt/json-text.js";
import { reasonText } from "../src/mqtt/reason-text.js";
import { strftime } from "../src/mqtt/strftime.js";
import { runIsthmus } from "./run-cli.js";

describe("strftime", () => {
  const zone = process.env["TZ"];
  afterEach(() => {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  });

  const LETTERS = Array.from("aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYz");
  const instants = [
    "2026-01-01T00:00:00Z",
    "2024-02-29T12:00:01Z",
    "2025-12-29T13:59:59Z",
    "2023-01-01T11:07:09Z",
    "2020-12-31T23:30:00Z",
    "1999-07-04T00:59:59Z",
  ];

  it.each(["UTC", "Asia/Kolkata", "America/New_York"])("says what date(1) says in %s", (timeZone) => {
    process.env["TZ"] = timeZone;
    for (const instant of instants) {
      const date = new Date(instant);
      const format = LETTERS.map((letter) => `${letter}=%${letter}|`).join("");
      const theirs = execFileSync("date", ["-d", instant, `+${format}`], { env: { TZ: timeZone, LC_ALL: "C" } });
      const ours = LETTERS.map((letter) => `${letter}=${strftime(letter, date)}|`).join("");
      expect(`${ours}\n`).toBe(theirs.toString());
    }
  });

  it("knows no other letter", () => {
    for (const letter of ["f", "q", "", "constructor"]) expect(strftime(letter, new Date())).toBeUndefined();
  });
});

describe("JSON output", () => {
  it("keeps numbers as they were written, order and repeated keys", () => {
    const raw = new RawJson(' { "2" : 12345678901234567890 , "1" : 1.0, "a" : [ ] , "a" : "\\u00e9\\n" } ');
    expect(formatJson([["payload", raw]])).toBe('{"payload":{"2":12345678901234567890,"1":1.0,"a":[],"a":"é\\n"}}');
    expect(
      formatJson([
        ["a", "1"],
        ["a", 2],
        ["b", null],
      ]),
    ).toBe('{"a":"1","a":2,"b":null}');
  });

  it("puts an entry on a line when it is to be pretty", () => {
    const raw = new RawJson('{"a":[1,{"b":[true,null]}],"c":{}}');
    expect(
      formatPrettyJson([
        ["p", raw],
        ["q", []],
      ]),
    ).toBe(
      '{\n\t"p":\t{\n\t\t"a":\t[1, {\n\t\t\t\t"b":\t[true, null]\n\t\t\t}],\n\t\t"c":\t{\n\t\t}\n\t},\n\t"q":\t{\n\t}\n}',
    );
  });

  it.each(["", "{", "undefined", "'a'", "01"])("refuses %j, which is not JSON", (text) => {
    expect(() => new RawJson(text)).toThrow(SyntaxError);
  });
});

describe("reasons", () => {
  it.each([
    [0x87, "Not authorized"],
    [0x86, "Bad username or password"],
    [0x9b, "Qos not supported"],
    [0x97, "Quota exceeded"],
    [0xff, "Unknown reason"],
  ])("0x%s is %s", (code, text) => {
    expect(reasonText(code).toLowerCase()).toBe(text.toLowerCase());
  });
});

describe("help", () => {
  it.each(["pub", "sub", "rr"])("of %s lists every flag, within 100 columns", async (command) => {
    const { stdout, exitCode } = await runIsthmus([command, "--help"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: isthmus ${command} `);
    for (const flag of [
      "-h, --host HOST",
      "-D, --property COMMAND NAME VALUE",
      "    --will-retain",
      "    --cafile FILE",
    ]) {
      expect(stdout).toContain(`\n  ${flag}`);
    }
    expect(Math.max(...stdout.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(100);
  });

  it("tells that there is no such command", async () => {
    const { stderr, exitCode } = await runIsthmus(["publish"]);
    expect(stderr).toBe('isthmus: there is no command "publish"\n  isthmus --help lists them\n');
    expect(exitCode).toBe(1);
  });
});
