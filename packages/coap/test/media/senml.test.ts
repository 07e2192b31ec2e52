import { decodeUtf8, encodeUtf8, fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import {
  decodeSenmlCbor,
  decodeSenmlJson,
  decodeSenmlXml,
  encodeSenmlCbor,
  encodeSenmlJson,
  encodeSenmlXml,
  resolveSenml,
  SenmlError,
  type SenmlRecord,
} from "../../src/media/index.js";

/** RFC 8428 5.1.2, 6 and 7: the same pack three times. */
const pack: readonly SenmlRecord[] = [
  {
    baseName: "urn:dev:ow:10e2073a0108006:",
    baseTime: 1.276020076001e9,
    baseUnit: "A",
    baseVersion: 5,
    name: "voltage",
    unit: "V",
    value: 120.1,
  },
  { name: "current", time: -5, value: 1.2 },
  { name: "current", time: -4, value: 1.3 },
  { name: "current", time: -3, value: 1.4 },
  { name: "current", time: -2, value: 1.5 },
  { name: "current", time: -1, value: 1.6 },
  { name: "current", value: 1.7 },
];
const json = `[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V",
  "v":120.1},{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},{"n":"current","t":-3,"v":1.4},
  {"n":"current","t":-2,"v":1.5},{"n":"current","t":-1,"v":1.6},{"n":"current","v":1.7}]`;
const cbor = `
  87 a7 21 78 1b 75 72 6e 3a 64 65 76 3a 6f 77 3a 31 30 65 32 30 37 33 61 30 31 30 38 30 30 36 3a
  22 fb 41 d3 03 a1 5b 00 10 62 23 61 41 20 05 00 67 76 6f 6c 74 61 67 65 01 61 56 02 fb 40 5e 06
  66 66 66 66 66 a3 00 67 63 75 72 72 65 6e 74 06 24 02 fb 3f f3 33 33 33 33 33 33 a3 00 67 63 75
  72 72 65 6e 74 06 23 02 fb 3f f4 cc cc cc cc cc cd a3 00 67 63 75 72 72 65 6e 74 06 22 02 fb 3f
  f6 66 66 66 66 66 66 a3 00 67 63 75 72 72 65 6e 74 06 21 02 f9 3e 00 a3 00 67 63 75 72 72 65 6e
  74 06 20 02 fb 3f f9 99 99 99 99 99 9a a3 00 67 63 75 72 72 65 6e 74 06 00 02 fb 3f fb 33 33 33
  33 33 33`;
const xml = `<sensml xmlns="urn:ietf:params:xml:ns:senml">
  <senml bn="urn:dev:ow:10e2073a0108006:" bt="1.276020076001e+09" bu="A" bver="5" n="voltage" u="V" v="120.1"></senml>
  <senml n="current" t="-5" v="1.2"></senml><senml n="current" t="-4" v="1.3"></senml>
  <senml n="current" t="-3" v="1.4"></senml><senml n="current" t="-2" v="1.5"></senml>
  <senml n="current" t="-1" v="1.6"></senml><senml n="current" v="1.7"></senml></sensml>`;

const forms = [
  { form: "JSON", encode: encodeSenmlJson, decode: decodeSenmlJson, example: encodeUtf8(json) },
  { form: "CBOR", encode: encodeSenmlCbor, decode: decodeSenmlCbor, example: fromHex(cbor) },
  { form: "XML", encode: encodeSenmlXml, decode: decodeSenmlXml, example: encodeUtf8(xml) },
] as const;

const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value));
// Text that XML 1.0 can carry; the parser trims attribute values.
const text = fc.stringMatching(/^[a-zA-Z0-9:./_ äß€"'<>&-]{0,12}$/).map((value) => value.trim());
const record: fc.Arbitrary<SenmlRecord> = fc.record(
  {
    baseName: text,
    baseTime: finite,
    baseUnit: text,
    baseValue: finite,
    baseSum: finite,
    baseVersion: fc.nat(100),
    name: text,
    unit: text,
    value: finite,
    stringValue: text,
    booleanValue: fc.boolean(),
    dataValue: fc.uint8Array({ maxLength: 9 }),
    sum: finite,
    time: finite,
    updateTime: finite,
    extensions: fc.dictionary(fc.stringMatching(/^x[a-z]{1,4}$/), text, { minKeys: 1, maxKeys: 2 }),
  },
  { requiredKeys: [] },
);

describe.each(forms)("SenML in $form (RFC 8428 5, 6, 7)", ({ encode, decode, example }) => {
  it("reads the example of the standard", () => {
    // In CBOR the last record says that its time is 0, as it is anyway.
    const records = decode(example).map(({ time, ...rest }) =>
      time === 0 ? rest : { ...rest, ...(time && { time }) },
    );
    expect(records).toEqual(pack);
  });

  it("gives back what it wrote", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 4 }), (records) => {
        expect(decode(encode(records))).toEqual(records);
      }),
    );
  });

  it("refuses a value of another type, naming field and value", () => {
    // Each form's own way to say that the value is "warm".
    const wrong = { JSON: '[{"n":"a","v":"warm"}]', XML: '<sensml><senml n="a" v="warm"/></sensml>' };
    const payload =
      encode === encodeSenmlCbor
        ? fromHex("81a20061610264 7761726d")
        : encodeUtf8(encode === encodeSenmlJson ? wrong.JSON : wrong.XML);
    expect(() => decode(payload)).toThrow(/"warm" is not the number that "v" takes/);
  });
});

describe("bytes in SenML JSON", () => {
  const lengths = [0, 1, 2, 3, 4, 5, 255, 256, 257];
  it.each(lengths)("are base64url without padding: %i of them", (length) => {
    const dataValue = Uint8Array.from({ length }, (_, i) => 255 - (i % 256));
    const payload = encodeSenmlJson([{ dataValue }]);
    expect(decodeUtf8(payload)).toBe(`[{"vd":"${Buffer.from(dataValue).toString("base64url")}"}]`);
    expect(decodeSenmlJson(payload)).toEqual([{ dataValue }]);
  });

  it("are not put into a text one by one, which for some megabytes takes seconds", () => {
    const dataValue = new Uint8Array(65_536).fill(0xa5);
    const fromCharCode = vi.spyOn(String, "fromCharCode");
    try {
      expect(encodeSenmlJson([{ dataValue }])).toHaveLength(Math.ceil((65_536 * 4) / 3) + '[{"vd":""}]'.length);
      expect(fromCharCode.mock.calls.length).toBeLessThan(100);
    } finally {
      fromCharCode.mockRestore();
    }
  });
});

describe("SenML in CBOR", () => {
  it("writes the bytes of the standard's example but for the order of keys", () => {
    const withTime = pack.map((record, index) => (index === pack.length - 1 ? { ...record, time: 0 } : record));
    expect(encodeSenmlCbor(withTime)).toHaveLength(fromHex(cbor).length);
  });

  it("reads decimal fractions, tag 4", () => {
    expect(decodeSenmlCbor(fromHex("81a2 00 6161 02 c4 82 21 19 6ab3"))).toEqual([{ name: "a", value: 273.15 }]);
  });

  it("refuses integer labels that nobody registered", () => {
    expect(() => decodeSenmlCbor(fromHex("81a1 0a 01"))).toThrow(SenmlError);
  });

  it("writes integers as integers", () => {
    expect(toHex(encodeSenmlCbor([{ name: "a", value: 20 }]))).toBe("81a20061610214");
  });
});

describe("resolved records (RFC 8428 4.6)", () => {
  it("is the example of 5.1.4", () => {
    const n = "urn:dev:ow:10e2073a01080063";
    const records: SenmlRecord[] = [
      { baseName: n, baseTime: 1.320067464e9, baseUnit: "%RH", value: 20 },
      { unit: "lon", value: 24.30621 },
      { unit: "lat", value: 60.07965 },
      { time: 60, value: 20.3 },
      { unit: "%EL", time: 150, value: 98 },
    ];
    expect(resolveSenml(records, 0)).toEqual([
      { name: n, unit: "%RH", time: 1.320067464e9, value: 20 },
      { name: n, unit: "lon", time: 1.320067464e9, value: 24.30621 },
      { name: n, unit: "lat", time: 1.320067464e9, value: 60.07965 },
      { name: n, unit: "%RH", time: 1.320067524e9, value: 20.3 },
      { name: n, unit: "%EL", time: 1.320067614e9, value: 98 },
    ]);
  });

  it("counts times below 2^28 from now, in chronological order", () => {
    const records = [
      { name: "a", value: 1 },
      { name: "a", time: -10, value: 2 },
      { name: "a", time: 2 ** 28, value: 3 },
    ];
    expect(resolveSenml(records, 1_700_000_000).map(({ time, value }) => [time, value])).toEqual([
      [2 ** 28, 3],
      [1_699_999_990, 2],
      [1_700_000_000, 1],
    ]);
  });

  it("adds base value and base sum, which stand in for absent ones", () => {
    const records = [{ baseName: "a", baseValue: 10, baseSum: 100 }, { value: 1 }, { sum: 5 }, { stringValue: "x" }];
    expect(resolveSenml(records, 2 ** 30).map(({ value, sum }) => [value, sum])).toEqual([
      [11, 100],
      [10, 105],
      [undefined, 100],
    ]);
  });

  it("keeps a version that is not the default", () => {
    expect(resolveSenml([{ baseVersion: 5, name: "a", value: 1 }], 0)[0]).toMatchObject({ baseVersion: 5 });
    expect(resolveSenml([{ name: "a", value: 1 }], 0)[0]).not.toHaveProperty("baseVersion");
  });

  it.each<[string, SenmlRecord[]]>([
    ["without a name", [{ value: 1 }]],
    ["whose name has other characters", [{ name: "a b", value: 1 }]],
    ["whose name begins with a dot", [{ name: ".a", value: 1 }]],
    ["with two values", [{ name: "a", value: 1, stringValue: "x" }]],
    ["of a newer version", [{ name: "a", baseVersion: 11, value: 1 }]],
    ["of mixed versions", [{ name: "a", baseVersion: 5, value: 1 }, { name: "b", baseVersion: 6, value: 1 }]], // prettier-ignore
    ["with a field that must be understood", [{ name: "a", value: 1, extensions: { foo_: 1 } }]],
  ])("refuses a record %s", (_, records) => {
    expect(() => resolveSenml(records, 0)).toThrow(SenmlError);
  });
});
