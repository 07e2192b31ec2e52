import { encodeUtf8 } from "@isthmus/bytes";
import { contentFormats, decodeSenmlCbor, decodeSenmlJson, encodeSenmlCbor, encodeSenmlJson } from "@isthmus/coap";
import { createMessage } from "@isthmus/exchange";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  contentTypeOfFormat,
  contentTypeOfHttp,
  formatOfContentType,
  httpContentOf,
  isMediaType,
} from "../src/content/content-types.js";
import { jsonFormOf } from "../src/content/message-form.js";
import { senmlRecordOf } from "../src/content/senml-form.js";

describe("what a payload is, in three protocols", () => {
  test.each(contentFormats.map(({ id, mediaType }) => [id, mediaType] as const))(
    "Content-Format %i, %s, comes back from MQTT and from HTTP",
    (id) => {
      const contentType = contentTypeOfFormat(id);
      expect(formatOfContentType(contentType)).toBe(id);
      expect(contentTypeOfHttp(httpContentOf(contentType))).toBe(contentType);
      expect(isMediaType(httpContentOf(contentType).contentType)).toBe(true);
    },
  );

  test("one that nobody has registered comes back as well", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (format) => {
        expect(formatOfContentType(contentTypeOfFormat(format))).toBe(format);
      }),
    );
  });

  test.each([
    ["text/plain", 0],
    ["text/plain; charset=utf-8", 0],
    ["TEXT/PLAIN;charset=UTF-8", 0],
    ["application/json", 50],
    ["application/coap-payload;cf=65000", 65_000],
    ["application/coap-payload;cf=65536", undefined],
    ["application/coap-payload", undefined],
    ["text/html", undefined],
    ["", undefined],
  ])("%j is Content-Format %s", (contentType, format) => {
    expect(formatOfContentType(contentType)).toBe(format);
  });

  test("a coding is part of the type where CoAP has a Content-Format for both, and nothing at all elsewhere", () => {
    const deflated = { contentType: "application/json", contentEncoding: "deflate" };
    expect(contentTypeOfHttp(deflated)).toBe("application/coap-payload;cf=11050");
    expect(httpContentOf("application/coap-payload;cf=11050")).toEqual(deflated);
    expect(contentTypeOfHttp({ contentType: "text/html", contentEncoding: "gzip" })).toBeUndefined();
    expect(contentTypeOfHttp({ contentType: "text/html", contentEncoding: "identity" })).toBe("text/html");
  });

  test.each(["text/plain\r\nx: y", "text", "text/", "/plain", "te xt/plain", "text/plain, text/html", "text/é"])(
    "%j is no header",
    (text) => {
      expect(isMediaType(text)).toBe(false);
    },
  );
});

/** Payloads of the kinds that sensors send, and any others. */
const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.string().map(encodeUtf8),
  fc.oneof(fc.integer(), fc.double()).map((value) => encodeUtf8(String(value))),
  fc.constantFrom("true", "false", "21.50", "-0", "1e3", "0x10", " 1", "NaN", "Infinity", "").map(encodeUtf8),
);

const topics = fc.oneof(
  fc.constantFrom("house/hall/temperature", "$SYS/uptime", "/a", "a b", "é", "a//b"),
  fc.string({ minLength: 1 }),
);

describe("a message as SenML", () => {
  test("gives the topic and the bytes back, in JSON and in CBOR", () => {
    fc.assert(
      fc.property(topics, payloads, (topic, payload) => {
        const record = senmlRecordOf(createMessage({ topic, payload, publishedAt: 1_700_000_000_123 }));
        for (const [decoded] of [
          decodeSenmlJson(encodeSenmlJson([record])),
          decodeSenmlCbor(encodeSenmlCbor([record])),
        ]) {
          const { name, extensions, value, stringValue, booleanValue, dataValue, time } = decoded ?? {};
          expect(extensions?.["topic"] ?? name).toBe(topic);
          expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9\-:./_]*$/);
          expect(dataValue ?? encodeUtf8(String(value ?? booleanValue ?? stringValue))).toEqual(payload);
          expect(time).toBe(1_700_000_000.123);
        }
      }),
    );
  });
});

describe("a message as JSON", () => {
  test("gives the bytes back", () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        const json = JSON.stringify(jsonFormOf(createMessage({ topic: "a", payload, publishedAt: 0 })));
        const form = JSON.parse(json) as Record<"payload" | "payloadBase64", string | undefined>;
        const bytes =
          form.payload === undefined ? Buffer.from(form.payloadBase64 ?? "", "base64") : Buffer.from(form.payload);
        expect(Uint8Array.from(bytes)).toEqual(Uint8Array.from(payload));
      }),
    );
  });
});
