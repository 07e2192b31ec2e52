import { decodeUtf8, encodeUtf8, fromHex, toHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import { Format, link, links, Media, MediaError, representation, senml } from "../../src/media/index.js";

const media = new Media();

function encodeAsText(value: unknown, accept?: number): string | undefined {
  const encoded = media.encode(value, accept);
  return encoded && `${encoded.contentFormat} ${decodeUtf8(encoded.payload)}`;
}

describe("content negotiation", () => {
  it.each<[value: unknown, accept: number | undefined, expected: string | undefined]>([
    ["warm", undefined, "0 warm"],
    ["warm", Format.JSON, '50 "warm"'],
    [21.5, undefined, "0 21.5"],
    [21.5, Format.JSON, "50 21.5"],
    [{ celsius: 21.5 }, undefined, '50 {"celsius":21.5}'],
    [{ celsius: 21.5 }, Format.XML, "41 <celsius>21.5</celsius>"],
    [{ celsius: 21.5 }, Format.TEXT, undefined],
    [[1, 2], Format.XML, "41 <value><item>1</item><item>2</item></value>"],
    [encodeUtf8("raw"), undefined, "42 raw"],
    [encodeUtf8("raw"), Format.TEXT, undefined],
    [representation(encodeUtf8("<x/>"), Format.XML), undefined, "41 <x/>"],
    [representation({ a: 1 }, Format.CBOR, Format.JSON), Format.JSON, '50 {"a":1}'],
    [representation({ a: 1 }, Format.JSON), Format.CBOR, undefined],
    [links([link("/a", { obs: true })]), undefined, "40 </a>;obs"],
    [senml([{ name: "t", value: 1 }]), undefined, '110 [{"n":"t","v":1}]'],
    [senml([{ name: "t", value: 1 }]), Format.JSON, undefined],
    [undefined, undefined, undefined],
  ])("%o, Accept %s: %s", (value, accept, expected) => {
    expect(encodeAsText(value, accept)).toBe(expected);
  });

  it("sends CBOR to whom asks for it", () => {
    expect(toHex(media.encode({ a: [1, "b"] }, Format.CBOR)?.payload ?? new Uint8Array())).toBe("a1616182016162");
  });

  it("knows all representations of a value", () => {
    expect([...media.encodeAll("a")].map(({ contentFormat }) => contentFormat)).toEqual([0, 50, 60, 41]);
  });
});

describe("payloads", () => {
  it.each<[format: number | undefined, payload: Uint8Array, expected: unknown]>([
    [undefined, encodeUtf8("a"), encodeUtf8("a")],
    [Format.TEXT, encodeUtf8("ä"), "ä"],
    [Format.OCTETS, fromHex("00ff"), fromHex("00ff")],
    [Format.JSON, encodeUtf8('{"a":[1]}'), { a: [1] }],
    [Format.CBOR, fromHex("a1616182016162"), { a: [1, "b"] }],
    [Format.XML, encodeUtf8('<a x="1"><b>2</b></a>'), { a: { "@x": "1", b: 2 } }],
    [Format.LINKS, encodeUtf8("</a>;obs"), [link("/a", { obs: true })]],
    [Format.SENML_JSON, encodeUtf8('[{"n":"t","v":1}]'), [{ name: "t", value: 1 }]],
  ])("of Content-Format %s", (format, payload, expected) => {
    expect(media.decode(payload, format)).toEqual(expected);
  });

  it.each<[what: string, format: number, payload: Uint8Array]>([
    ["text that is not UTF-8", Format.TEXT, fromHex("c328")],
    ["JSON cut short", Format.JSON, encodeUtf8('{"a":')],
    ["CBOR cut short", Format.CBOR, fromHex("8201")],
    ["CBOR with bytes after it", Format.CBOR, fromHex("0101")],
    ["links without brackets", Format.LINKS, encodeUtf8("/a")],
    ["XML that does not close", Format.XML, encodeUtf8("<a><b></a>")],
    ["XML with entities", Format.XML, encodeUtf8('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')],
    ["SenML that is an object", Format.SENML_JSON, encodeUtf8("{}")],
  ])("%s is an error that names the format", (_, format, payload) => {
    expect(() => media.decode(payload, format)).toThrow(MediaError);
    expect(() => media.decode(payload, format)).toThrow(/the payload is not /);
  });

  it("of an unknown format is an error of the format", () => {
    const error = catchError(() => media.decode(fromHex("00"), Format.SENML_CBOR + 2));
    expect(error).toMatchObject({ isSupported: false, contentFormat: 114 });
  });

  it("can be of formats that the application brings", () => {
    const csv = { contentFormat: 65000, encode: (value: unknown) => encodeUtf8(String(value)), decode: () => "csv" };
    const own = new Media([csv]);
    expect(own.decode(encodeUtf8("a,b"), 65000)).toBe("csv");
    expect(own.encode(representation(["a", "b"], 65000))).toEqual({ contentFormat: 65000, payload: encodeUtf8("a,b") });
  });
});

function catchError(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
