import { describe, expect, test } from "vitest";
import {
  BERT_SZX,
  blockOffset,
  blockSize,
  Code,
  codeName,
  contentFormat,
  contentFormatOf,
  contentFormats,
  decodeBlock,
  encodeBlock,
  formatCode,
  isCriticalOption,
  isIdempotentMethod,
  isLengthAllowed,
  isNoCacheKeyOption,
  isRequestCode,
  isResponseCode,
  isSafeMethod,
  isUnsafeOption,
  Option,
  optionDefinition,
  optionDefinitions,
  optionName,
  parseCode,
  szxForSize,
} from "../../src/codec/index.js";

describe("options", () => {
  // RFC 7252 table 4, and the tables of the documents that came after: number, C, U, N, R.
  test.each([
    ["If-Match", 1, "C  R"],
    ["Uri-Host", 3, "CU "],
    ["ETag", 4, "   R"],
    ["If-None-Match", 5, "C "],
    ["Observe", 6, " U "],
    ["Uri-Port", 7, "CU "],
    ["Location-Path", 8, "   R"],
    ["OSCORE", 9, "C "],
    ["Uri-Path", 11, "CU R"],
    ["Content-Format", 12, " "],
    ["Max-Age", 14, " U "],
    ["Uri-Query", 15, "CU R"],
    ["Hop-Limit", 16, " "],
    ["Accept", 17, "C "],
    ["Q-Block1", 19, "CU "],
    ["Location-Query", 20, "   R"],
    ["EDHOC", 21, "C "],
    ["Block2", 23, "CU "],
    ["Block1", 27, "CU "],
    ["Size2", 28, "  N"],
    ["Q-Block2", 31, "CU R"],
    ["Proxy-Uri", 35, "CU "],
    ["Proxy-Scheme", 39, "CU "],
    ["Size1", 60, "  N"],
    ["Echo", 252, "  N"],
    ["No-Response", 258, " U "],
    ["Request-Tag", 292, "   R"],
  ])("%s is %i, %s", (name, number, flags) => {
    const definition = optionDefinition(number);
    expect(definition?.name).toBe(name);
    expect({
      critical: isCriticalOption(number),
      unsafe: isUnsafeOption(number),
      noCacheKey: !isUnsafeOption(number) && isNoCacheKeyOption(number),
      repeatable: definition?.isRepeatable,
    }).toEqual({
      critical: flags.includes("C"),
      unsafe: flags.includes("U"),
      noCacheKey: flags.includes("N"),
      repeatable: flags.includes("R"),
    });
  });

  test("each number is defined once, in ascending order, under a key of its own", () => {
    const numbers = optionDefinitions.map(({ number }) => number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(Object.values(Option)).toEqual(numbers);
    expect(optionName(Option.URI_PATH)).toBe("Uri-Path");
    expect(optionName(65_001)).toBe("65001");
    expect(optionDefinition(65_001)).toBeUndefined();
  });

  test("lengths are checked against the registry", () => {
    expect(isLengthAllowed(Option.ETAG, 0)).toBe(false);
    expect(isLengthAllowed(Option.ETAG, 8)).toBe(true);
    expect(isLengthAllowed(Option.ETAG, 9)).toBe(false);
    expect(isLengthAllowed(Option.PROXY_URI, 1_034)).toBe(true);
    expect(isLengthAllowed(65_001, 1_000)).toBe(true);
  });
});

describe("codes", () => {
  // The codes that the hub's users are promised, with their names.
  test.each([
    ["2.01", "Created"],
    ["2.02", "Deleted"],
    ["2.03", "Valid"],
    ["2.04", "Changed"],
    ["2.05", "Content"],
    ["2.31", "Continue"],
    ["4.00", "Bad Request"],
    ["4.01", "Unauthorized"],
    ["4.02", "Bad Option"],
    ["4.03", "Forbidden"],
    ["4.04", "Not Found"],
    ["4.05", "Method Not Allowed"],
    ["4.06", "Not Acceptable"],
    ["4.08", "Request Entity Incomplete"],
    ["4.09", "Conflict"],
    ["4.12", "Precondition Failed"],
    ["4.13", "Request Entity Too Large"],
    ["4.15", "Unsupported Content-Format"],
    ["4.22", "Unprocessable Entity"],
    ["4.29", "Too Many Requests"],
    ["5.00", "Internal Server Error"],
    ["5.01", "Not Implemented"],
    ["5.02", "Bad Gateway"],
    ["5.03", "Service Unavailable"],
    ["5.04", "Gateway Timeout"],
    ["5.05", "Proxying Not Supported"],
    ["5.08", "Hop Limit Reached"],
    ["0.01", "GET"],
    ["0.07", "iPATCH"],
    ["7.01", "CSM"],
  ])("%s is %s", (text, name) => {
    const code = parseCode(text);
    expect(formatCode(code)).toBe(text);
    expect(codeName(code)).toBe(name);
    expect(parseCode(name.toUpperCase())).toBe(code);
  });

  test("are of the classes that they say", () => {
    expect([Code.GET, Code.EMPTY, Code.CONTENT, Code.CSM].map((code) => isRequestCode(code))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect([Code.GET, Code.EMPTY, Code.CONTENT, Code.CSM, 0x60].map((code) => isResponseCode(code))).toEqual([
      false,
      false,
      true,
      false,
      false,
    ]);
    expect([Code.GET, Code.PUT, Code.POST, Code.PATCH, Code.IPATCH].map((code) => isIdempotentMethod(code))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect([Code.GET, Code.FETCH, Code.PUT].map((code) => isSafeMethod(code))).toEqual([true, true, false]);
  });

  test.each(["", "2", "8.00", "2.32", "2.5", "Nothing"])("%j is no code", (text) => {
    expect(() => parseCode(text)).toThrow(SyntaxError);
  });
});

describe("content formats", () => {
  test("are found by identifier and by media type, whatever the spelling", () => {
    expect(contentFormat(50)).toEqual({ id: 50, mediaType: "application/json", contentCoding: undefined });
    expect(contentFormatOf("Application/JSON")?.id).toBe(50);
    expect(contentFormatOf("text/plain;charset=UTF-8")?.id).toBe(0);
    expect(contentFormatOf("text/plain")).toBeUndefined();
    expect(contentFormatOf("application/json", "deflate")?.id).toBe(11_050);
    expect(contentFormatOf('application/cose;  cose-type="cose-sign1"')?.id).toBe(18);
    expect(contentFormatOf("application/x-unknown")).toBeUndefined();
  });

  test("are each one thing, in ascending order", () => {
    const ids = contentFormats.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
    for (const { id, mediaType, contentCoding } of contentFormats)
      expect(contentFormatOf(mediaType, contentCoding)?.id).toBe(id);
  });
});

describe("blocks (RFC 7959 2.2)", () => {
  test.each([
    [0, { number: 0, more: false, szx: 0 }],
    [0x06, { number: 0, more: false, szx: 6 }],
    [0x0e, { number: 0, more: true, szx: 6 }],
    [0x33, { number: 3, more: false, szx: 3 }],
    [0xff_ffff, { number: 0xf_ffff, more: true, szx: 7 }],
  ])("%i says %j", (value, block) => {
    expect(decodeBlock(value)).toEqual(block);
    expect(encodeBlock(block)).toBe(value);
  });

  test("have sizes, offsets and limits", () => {
    expect([0, 1, 2, 3, 4, 5, 6, BERT_SZX].map((szx) => blockSize(szx))).toEqual([
      16, 32, 64, 128, 256, 512, 1024, 1024,
    ]);
    expect([0, 16, 31, 32, 63, 64, 1_023, 1_024, 5_000].map((size) => szxForSize(size))).toEqual([
      0, 0, 0, 1, 1, 2, 5, 6, 6,
    ]);
    expect(blockOffset({ number: 3, more: false, szx: 2 })).toBe(192);
    expect(() => encodeBlock({ number: 0x10_0000, more: false, szx: 0 })).toThrow(RangeError);
    expect(() => encodeBlock({ number: 0, more: false, szx: 8 })).toThrow(RangeError);
  });
});
