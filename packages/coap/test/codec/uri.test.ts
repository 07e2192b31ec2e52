import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CoapUriError,
  coapSchemes,
  type CoapUri,
  coapUriToOptions,
  formatCoapUri,
  formatHost,
  isIpAddress,
  isMulticastAddress,
  Option,
  optionsToCoapUri,
  parseCoapUri,
} from "../../src/codec/index.js";

const uri = (rest: Partial<CoapUri>): CoapUri => ({
  scheme: "coap",
  host: "example.net",
  port: 5683,
  path: [],
  query: [],
  ...rest,
});

describe("URIs are taken apart (RFC 7252 6.4)", () => {
  test.each<[string, CoapUri]>([
    ["coap://example.net", uri({})],
    ["coap://example.net/", uri({})],
    ["coap://example.net:5683/", uri({})],
    ["coap://example.net:/", uri({})],
    ["COAP://EXAMPLE.net/A", uri({ path: ["A"] })],
    ["coap://example.net/.well-known/core", uri({ path: [".well-known", "core"] })],
    ["coap://example.net/a/", uri({ path: ["a", ""] })],
    ["coap://example.net//", uri({ path: ["", ""] })],
    ["coap://example.net?x", uri({ query: ["x"] })],
    ["coap://example.net/?", uri({ query: [""] })],
    ["coap://example.net/?//&?%26", uri({ query: ["//", "?&"] })],
    // RFC 7252 6.3: these are one.
    ["coap://example.com:5683/~sensors/temp.xml", uri({ host: "example.com", path: ["~sensors", "temp.xml"] })],
    ["coap://EXAMPLE.com/%7Esensors/temp.xml", uri({ host: "example.com", path: ["~sensors", "temp.xml"] })],
    ["coap://EXAMPLE.com:/%7esensors/temp.xml", uri({ host: "example.com", path: ["~sensors", "temp.xml"] })],
    // RFC 7252 B: an example of composing.
    [
      "coap://198.51.100.1:61616//%2F//?%2F%2F&?%26",
      uri({ host: "198.51.100.1", port: 61_616, path: ["", "/", "", ""], query: ["//", "?&"] }),
    ],
    ["coap://xn--18j4d.example/%E3%81%93%E3%82%93", uri({ host: "xn--18j4d.example", path: ["こん"] })],
    ["coap://%65xample.net", uri({})],
    ["coap://[2001:DB8::1]/", uri({ host: "2001:db8::1" })],
    ["coap://[fe80::1%25eth0]:61616/", uri({ host: "fe80::1%eth0", port: 61_616 })],
    ["coap://[::ffff:192.0.2.1]/", uri({ host: "::ffff:192.0.2.1" })],
    ["coaps://example.net", uri({ scheme: "coaps", port: 5684 })],
    ["coap+tcp://example.net", uri({ scheme: "coap+tcp" })],
    ["coaps+tcp://example.net", uri({ scheme: "coaps+tcp", port: 5684 })],
    ["coap+ws://example.net", uri({ scheme: "coap+ws", port: 80 })],
    ["coaps+ws://example.net", uri({ scheme: "coaps+ws", port: 443 })],
    ["coap://example.net/a/../b/./c", uri({ path: ["b", "c"] })],
    ["coap://example.net/a/%2e%2E/b", uri({ path: ["b"] })],
    ["coap://example.net/..", uri({})],
    ["coap://example.net/a/..", uri({})],
  ])("%s", (text, parts) => {
    expect(parseCoapUri(text)).toEqual(parts);
  });

  test.each([
    "",
    "example.net",
    "//example.net",
    "coap:example.net",
    "http://example.net",
    "coap://",
    "coap:///path",
    "coap://:5683",
    "coap://example.net#f",
    "coap://user@example.net",
    "coap://example.net:65536",
    "coap://example.net:x",
    "coap://[::1",
    "coap://::1",
    "coap://[1.2.3.4]",
    "coap://[fe80::1%25]",
    "coap://[g::1]",
    "coap://example.net/%",
    "coap://example.net/%zz",
    "coap://example.net/a b",
    "coap://example.net/%ff",
    "coap://exa mple.net",
  ])("%j is refused", (text) => {
    expect(() => parseCoapUri(text)).toThrow(CoapUriError);
  });
});

describe("URIs are put together (RFC 7252 6.5)", () => {
  test.each<[CoapUri, string]>([
    [uri({}), "coap://example.net/"],
    [uri({ port: 61_616, path: ["", "/", "", ""], query: ["//", "?&"] }), "coap://example.net:61616//%2F//?//&?%26"],
    [uri({ host: "fe80::1%eth0", path: ["a"] }), "coap://[fe80::1%25eth0]/a"],
    [uri({ path: ["こ", "a b"] }), "coap://example.net/%E3%81%93/a%20b"],
    [uri({ scheme: "coaps", port: 5684, path: ["x"] }), "coaps://example.net/x"],
  ])("%j", (parts, text) => {
    expect(formatCoapUri(parts)).toBe(text);
    expect(parseCoapUri(text)).toEqual(parts);
  });

  test("what is put together comes apart the same", () => {
    const segment = fc
      .string({ unit: "binary", maxLength: 12 })
      .filter((text) => text.isWellFormed() && text !== "." && text !== "..");
    const path = fc.array(segment, { maxLength: 5 }).filter((segments) => segments.length !== 1 || segments[0] !== "");
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(coapSchemes) as CoapUri["scheme"][])),
        path,
        fc.array(segment, { maxLength: 4 }),
        fc.integer({ min: 0, max: 65_535 }),
        (scheme, segments, query, port) => {
          const parts = uri({ scheme, port, path: segments, query });
          expect(parseCoapUri(formatCoapUri(parts))).toEqual(parts);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("URIs become options, and options URIs", () => {
  test("a name is said in Uri-Host, an address is not; the port only when the request goes to another", () => {
    const named = coapUriToOptions(parseCoapUri("coap://example.net:61616/a/b?c&d"), { address: "192.0.2.1" });
    expect(named.text(Option.URI_HOST)).toBe("example.net");
    expect(named.has(Option.URI_PORT)).toBe(false);
    expect(named.texts(Option.URI_PATH)).toEqual(["a", "b"]);
    expect(named.texts(Option.URI_QUERY)).toEqual(["c", "d"]);
    expect(coapUriToOptions(parseCoapUri("coap://[2001:db8::1]/")).count).toBe(0);
    const other = coapUriToOptions(parseCoapUri("coap://192.0.2.1:61616/"), { address: "198.51.100.1", port: 5683 });
    expect(other.text(Option.URI_HOST)).toBe("192.0.2.1");
    expect(other.uint(Option.URI_PORT)).toBe(61_616);
  });

  test("RFC 7252 B: the options of a request say its URI", () => {
    const destination = { scheme: "coap", address: "198.51.100.1", port: 61_616 } as const;
    for (const text of [
      "coap://198.51.100.1:61616//%2F//?//&?%26",
      "coap://198.51.100.1:61616/",
      "coap://xn--18j4d.example:61616/%E3%81%93",
    ]) {
      const options = coapUriToOptions(parseCoapUri(text), destination);
      expect(formatCoapUri(optionsToCoapUri(options, destination))).toBe(text);
    }
  });

  test("a part that is too long for an option is refused", () => {
    expect(() => coapUriToOptions(parseCoapUri(`coap://example.net/${"a".repeat(256)}`))).toThrow("256 bytes");
  });
});

describe("addresses", () => {
  test.each([
    "0.0.0.0",
    "255.255.255.255",
    "::",
    "::1",
    "1::",
    "1:2:3:4:5:6:7:8",
    "::ffff:1.2.3.4",
    "fe80::1%eth0",
    "1:2:3:4:5:6:7::",
  ])("%s is one", (text) => {
    expect(isIpAddress(text)).toBe(true);
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4.5",
    ":",
    ":::",
    "1:2",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "g::",
    "::1%",
    "host",
    "1.2.3.4:80",
    "::1.2.3",
  ])("%s is none", (text) => {
    expect(isIpAddress(text)).toBe(false);
  });

  test("of groups are told", () => {
    expect(
      ["224.0.1.187", "239.255.255.255", "ff02::fd", "FF05::fd%eth0"].every((text) => isMulticastAddress(text)),
    ).toBe(true);
    expect(["223.0.0.1", "240.0.0.1", "fe80::1", "ff2::1", "host", ""].some((text) => isMulticastAddress(text))).toBe(
      false,
    );
  });

  test("stand in brackets in a URI when they are IPv6", () => {
    expect([formatHost("::1"), formatHost("fe80::1%eth0"), formatHost("192.0.2.1"), formatHost("näh")]).toEqual([
      "[::1]",
      "[fe80::1%25eth0]",
      "192.0.2.1",
      "n%C3%A4h",
    ]);
  });
});
