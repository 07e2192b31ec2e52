import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { numbersOf, summarize, viewPayload } from "../src/model/payload-view.js";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("a payload", () => {
  test.each([
    ["", "empty", ""],
    ["21.5", "text", "21.5"],
    ['"quoted"', "text", '"quoted"'],
    ['{"a":[1,2]}', "JSON", '{\n  "a": [\n    1,\n    2\n  ]\n}'],
    ["{broken", "text", "{broken"],
    ["zwölf\tGrad\r\n", "text", "zwölf\tGrad\r\n"],
    ["<b>x</b>", "text", "<b>x</b>"],
  ])("%j is shown as %s", (payload, kind, text) => {
    expect(viewPayload(utf8(payload), false)).toEqual({ kind, text });
  });

  test("that is no UTF-8, or holds control characters, is shown in hexadecimal digits", () => {
    const bytes = Uint8Array.from({ length: 18 }, (_, at) => 0xf8 + at);
    expect(viewPayload(bytes, false)).toEqual({
      kind: "binary",
      text:
        "0000  f8 f9 fa fb fc fd fe ff 00 01 02 03 04 05 06 07  ................\n" +
        "0010  08 09                                            ..",
    });
    expect(viewPayload(utf8("a\u0001"), false).kind).toBe("binary");
  });

  test("that is cut within a character is text as far as it goes", () => {
    for (const character of ["ö", "€", "😀"]) {
      const whole = utf8(`ab${character}`);
      for (let end = 3; end < whole.length; end++) {
        expect(viewPayload(whole.slice(0, end), true)).toEqual({ kind: "text", text: "ab" });
      }
    }
  });

  test("has a short line, whatever it is", () => {
    expect(summarize(utf8('{\n  "a": 1\n}'))).toBe('{ "a": 1 }');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        const line = summarize(bytes);
        expect(line.length).toBeLessThanOrEqual(240);
        expect(line).not.toMatch(/[\n\r]/);
      }),
    );
  });

  test.each([
    ["21.5", [["value", 21.5]]],
    [
      '{"t":1,"on":true,"h":2}',
      [
        ["t", 1],
        ["h", 2],
      ],
    ],
    ["[1,2]", []],
    ["text", []],
    ["null", []],
    ['"1"', []],
  ])("%s has the numbers %j", (payload, numbers) => {
    expect([...numbersOf(utf8(payload))]).toEqual(numbers);
  });
});
