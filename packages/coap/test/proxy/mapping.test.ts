import { fromHex, toHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import { Code, formatCode, isResponseCode, parseCoapUri } from "../../src/codec/index.js";
import {
  acceptOfHttp,
  allowTargets,
  codeMappings,
  codeOfHttpStatus,
  contentFormatOfHttp,
  HcTemplate,
  httpMediaOf,
  httpStatusOf,
  looseMediaTypes,
  parseProxyTarget,
} from "../../src/proxy/index.js";
import { formatHttpEtag, parseHttpEtags } from "../../src/proxy/entity-tag.js";

describe("response codes", () => {
  /** RFC 8075, table 2, with and without a payload. */
  const rfc8075: readonly (readonly [code: number, status: number, withoutPayload?: number])[] = [
    [Code.CREATED, 201],
    [Code.DELETED, 200, 204],
    [Code.VALID, 304],
    [Code.CHANGED, 200, 204],
    [Code.CONTENT, 200],
    [Code.BAD_REQUEST, 400],
    [Code.UNAUTHORIZED, 403],
    [Code.BAD_OPTION, 500],
    [Code.FORBIDDEN, 403],
    [Code.NOT_FOUND, 404],
    [Code.METHOD_NOT_ALLOWED, 400],
    [Code.NOT_ACCEPTABLE, 406],
    [Code.PRECONDITION_FAILED, 412],
    [Code.REQUEST_ENTITY_TOO_LARGE, 413],
    [Code.UNSUPPORTED_CONTENT_FORMAT, 415],
    [Code.INTERNAL_SERVER_ERROR, 500],
    [Code.NOT_IMPLEMENTED, 501],
    [Code.BAD_GATEWAY, 502],
    [Code.SERVICE_UNAVAILABLE, 503],
    [Code.GATEWAY_TIMEOUT, 504],
    [Code.PROXYING_NOT_SUPPORTED, 502],
    [Code.HOP_LIMIT_REACHED, 508],
  ];

  it("become the status of RFC 8075 7", () => {
    const mapped = rfc8075.map(([code]) => [code, httpStatusOf(code, true), httpStatusOf(code, false)]);
    expect(mapped).toEqual(rfc8075.map(([code, status, withoutPayload = status]) => [code, status, withoutPayload]));
  });

  it("are all in the table, once, by ascending number", () => {
    const codes = codeMappings.map(({ code }) => code);
    expect(codes).toEqual(Object.values(Code).filter(isResponseCode).toSorted((a, b) => a - b)); // prettier-ignore
  });

  it("that nobody registered go by their class (RFC 7252 5.9)", () => {
    expect([0x5e, 0x9e, 0xbe].map((code) => httpStatusOf(code, true))).toEqual([200, 400, 502]);
  });

  it.each<[status: number, method: number, code: string]>([
    [200, Code.GET, "2.05"],
    [200, Code.POST, "2.04"],
    [204, Code.PUT, "2.04"],
    [201, Code.PUT, "2.01"],
    [204, Code.DELETE, "2.02"],
    [304, Code.GET, "2.03"],
    [301, Code.GET, "5.02"],
    [401, Code.GET, "4.01"],
    [404, Code.GET, "4.04"],
    [418, Code.GET, "4.00"],
    [503, Code.GET, "5.03"],
    [507, Code.GET, "5.00"],
  ])("RFC 7252 10.1: HTTP's %i to method %i is %s", (status, method, code) => {
    expect(formatCode(codeOfHttpStatus(status, method))).toBe(code);
  });

  it("of HTTP that an error became come back as that error", () => {
    for (const { code, fromHttp } of codeMappings) {
      for (const status of fromHttp) expect(codeOfHttpStatus(status, Code.GET)).toBe(code);
    }
  });
});

describe("media types", () => {
  it.each<[format: number, contentType: string, contentEncoding?: string]>([
    [0, "text/plain; charset=utf-8"],
    [50, "application/json"],
    [11050, "application/json", "deflate"],
    [65000, "application/coap-payload;cf=65000"],
  ])("%i is %s", (format, contentType, contentEncoding) => {
    expect(httpMediaOf(format)).toEqual({ contentType, ...(contentEncoding && { contentEncoding }) });
  });

  it.each<[contentType: string, strict: number | undefined, loose: number]>([
    ["application/json", 50, 50],
    ["Text/Plain", 0, 0],
    ["text/plain;charset=UTF-8", 0, 0],
    ["application/soap+xml", undefined, 41],
    ["application/problem+json", undefined, 50],
    ["application/foo+cbor; x=1", undefined, 60],
    ["text/xml", undefined, 41],
    ["text/html", undefined, 0],
    ["video/mp4", undefined, 42],
  ])("RFC 8075 6.3: %s is %s, or %i when loose", (contentType, strict, loose) => {
    expect(contentFormatOfHttp({ contentType })).toBe(strict);
    expect(contentFormatOfHttp({ contentType }, looseMediaTypes)).toBe(loose);
  });

  it.each<[accept: string | undefined, format: number | undefined]>([
    [undefined, undefined],
    ["*/*", undefined],
    ["application/json", 50],
    ["text/html, application/json;q=0.9, */*;q=0.1", 50],
    ["application/json;q=0.2, application/cbor", 60],
    ["*/*, application/json;q=0.5", undefined],
    ["application/json;q=0", undefined],
    ["image/webp", undefined],
  ])("RFC 8075 6.1: Accept %s asks for %s", (accept, format) => {
    expect(acceptOfHttp(accept)).toBe(format);
  });
});

describe("entity-tags", () => {
  it("are hexadecimal in HTTP", () => {
    expect(formatHttpEtag(fromHex("00ff"))).toBe('"00ff"');
    const list = '"00ff", W/"0A", "not hex", "123", "112233445566778899"';
    expect(parseHttpEtags(list, true).map((etag) => toHex(etag))).toEqual(["00ff", "0a"]);
    expect(parseHttpEtags(list, false).map((etag) => toHex(etag))).toEqual(["00ff"]);
  });
});

describe("URI mapping templates (RFC 8075 5.4)", () => {
  it.each<[template: string, uri: string, packed: string]>([
    ["{+tu}", "coap://s.example.com/light", "coap://s.example.com/light"],
    ["{+tu}", "coap://[2001:db8::1]/light?on", "coap://%5B2001:db8::1%5D/light?on"],
    ["?target_uri={+tu}", "coap+tcp://s.example.com/light", "?target_uri=coap+tcp://s.example.com/light"],
    ["forward/{+tu}", "coap://s.example.com/light", "forward/coap://s.example.com/light"],
    ["{+s}/{+hp}{+p}{+qq}", "coap://s.example.com/light", "coap/s.example.com/light"],
    ["{+s}/{+hp}{+p}{+qq}", "coap://s.example.com:61616/light?on", "coap/s.example.com:61616/light?on"],
    ["{+s}/{+hp}{+p}{+qq}", "coap://[fd00::7]:61616/a&b?x=1&y", "coap/%5Bfd00::7%5D:61616/a&b?x=1&y"],
    ["?s={+s}&hp={+hp}&p={+p}&q={+q}", "coap://s.example.com/light", "?s=coap&hp=s.example.com&p=/light&q="],
    ["?s={+s}&hp={+hp}&p={+p}&q={+q}", "coap://s.example.com/light?on", "?s=coap&hp=s.example.com&p=/light&q=on"],
  ])("%s: %s is %s", (text, uri, packed) => {
    const template = new HcTemplate(text);
    expect(template.pack(parseCoapUri(uri))).toBe(packed);
    expect(template.unpack(packed)).toBe(uri);
  });

  it("knows what is not of its form", () => {
    expect(new HcTemplate("forward/{+tu}").unpack("coap://s.example.com/")).toBeUndefined();
    expect(new HcTemplate("{+s}/{+hp}{+p}{+qq}").unpack("coap")).toBeUndefined();
  });

  it.each(["{+x}", "{+s}/{+p}", "{+tu}{+tu}"])("refuses the template %s", (text) => {
    expect(() => new HcTemplate(text)).toThrow(TypeError);
  });
});

describe("which targets may be fetched", () => {
  const allows = (rules: Parameters<typeof allowTargets>[0], uri: string): boolean =>
    allowTargets(rules)(parseProxyTarget(uri));

  it.each<[rule: Parameters<typeof allowTargets>[0][number], uri: string, isAllowed: boolean]>([
    [{ host: "s.example.com" }, "coap://S.example.com/a", true],
    [{ host: "s.example.com" }, "coap://t.example.com/a", false],
    [{ host: "s.example.com" }, "coap+tcp://s.example.com/a", false],
    [{ host: "s.example.com" }, "http://s.example.com/a", false],
    [{ host: "s.example.com", scheme: "https" }, "https://s.example.com/a", true],
    [{ host: "*.example.com" }, "coap://a.b.example.com/", true],
    [{ host: "*.example.com" }, "coap://example.com/", false],
    [{ host: "*.example.com" }, "coap://evilexample.com/", false],
    [{ host: "192.0.2.0/25" }, "coap://192.0.2.127/", true],
    [{ host: "192.0.2.0/25" }, "coap://192.0.2.128/", false],
    [{ host: "192.0.2.0/25" }, "coap://[::ffff:192.0.2.5]/", true],
    [{ host: "fd00::/8" }, "coap://[fd12:3456::7]/", true],
    [{ host: "fd00::/8" }, "coap://[fe80::7]/", false],
    [{ host: "fd00::/8" }, "coap://fd00.example.com/", false],
    [{ host: "*", port: 61616 }, "coap://a:61616/", true],
    [{ host: "*", port: 61616 }, "coap://a/", false],
    [{ host: "*", path: "/pub" }, "coap://a/pub", true],
    [{ host: "*", path: "/pub" }, "coap://a/pub/x", true],
    [{ host: "*", path: "/pub" }, "coap://a/public", false],
    [{ host: "*", path: "/pub" }, "coap://a/pub/../private", false],
    [{ host: "*", path: "/pub" }, "coap://a/pub/%2e%2e/private", false],
    [{ host: "*" }, "coap://224.0.1.187/", false],
    [{ host: "*" }, "coap://[ff02::fd]/", false],
  ])("%o: %s %s", (rule, uri, isAllowed) => {
    expect(allows([rule], uri)).toBe(isAllowed);
  });

  it("is nothing without a rule, and anything that one of several allows", () => {
    expect(allows([], "coap://a/")).toBe(false);
    expect(allows([{ host: "a" }, { host: "b" }], "coap://b/")).toBe(true);
  });

  it.each(["192.0.2.0/33", "300.0.0.0/8", "fd00::/129", "a.example/8"])("refuses the range %s", (host) => {
    expect(() => allowTargets([{ host }])).toThrow(TypeError);
  });
});
