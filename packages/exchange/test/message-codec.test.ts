import { ShortReadError } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMessage, decodeMessage, encodeMessage, type Message } from "../src/index.js";

const TEXT = fc.string({ unit: "grapheme", maxLength: 40 });
const BYTES = fc.uint8Array({ maxLength: 300 });
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const INSTANT = fc.integer({ min: 0, max: 2 ** 53 - 1 });

const MESSAGE: fc.Arbitrary<Message> = fc
  .record({
    topic: TEXT,
    payload: BYTES,
    qos: fc.constantFrom(0, 1, 2),
    retain: fc.boolean(),
    origin: fc.record({ door: fc.constantFrom("mqtt", "coap"), name: TEXT }),
    publishedAt: INSTANT,
    expiresAt: fc.oneof(
      fc.constant(Number.POSITIVE_INFINITY),
      INSTANT.map((at) => at + 1).filter(Number.isSafeInteger),
    ),
    properties: optional(
      fc.record({
        isUtf8: fc.constantFrom(true, undefined),
        contentType: optional(TEXT),
        responseTopic: optional(TEXT),
        correlationData: optional(BYTES),
        userProperties: optional(fc.array(fc.tuple(TEXT, TEXT), { maxLength: 4 })),
      }),
    ),
  })
  .map((init) => createMessage(init));

function plain({ topic, payload, qos, retain, origin, publishedAt, expiresAt, properties }: Message): object {
  const isNone = properties === undefined || Object.values(properties).every((value) => value === undefined);
  const { door, name } = origin;
  return {
    topic,
    payload,
    qos,
    retain,
    door,
    name,
    publishedAt,
    expiresAt,
    properties: isNone ? undefined : properties,
  };
}

describe("a message at rest", () => {
  test("comes back as it was", () => {
    fc.assert(
      fc.property(MESSAGE, (message) => {
        expect(plain(decodeMessage(encodeMessage(message)))).toEqual(plain(message));
      }),
      { numRuns: 2000 },
    );
  });

  test("cut short before its payload is an error, never zeros", () => {
    fc.assert(
      fc.property(MESSAGE, (message) => {
        const bytes = encodeMessage(message);
        for (let length = 0; length < bytes.length - message.payloadBytes; length++) {
          expect(() => decodeMessage(bytes.slice(0, length))).toThrow(ShortReadError);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("any damage gives a message or an error, and never takes memory by what a length claims", () => {
    fc.assert(
      fc.property(MESSAGE, fc.nat(), fc.nat(255), (message, at, value) => {
        const bytes = encodeMessage(message).slice();
        bytes[at % bytes.length] = value;
        try {
          decodeMessage(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("of a form from another version is refused", () => {
    const bytes = encodeMessage(createMessage({ topic: "t", payload: new Uint8Array(0), publishedAt: 0 })).slice();
    bytes[0] = 2;
    expect(() => decodeMessage(bytes)).toThrow("form 2");
  });

  test("has its documented layout", () => {
    const message = createMessage({
      topic: "t",
      payload: Uint8Array.of(0xaa),
      qos: 2,
      retain: true,
      publishedAt: 0x1_0000_0002,
      expiresAt: 0x3_0000_0004,
      origin: { door: "d", name: "n" },
      properties: { isUtf8: true, correlationData: Uint8Array.of(9) },
    });
    expect(Buffer.from(encodeMessage(message)).toString("hex")).toBe(
      "01" +
        "82" +
        "0000000100000002" +
        "0000000300000004" +
        "0000000174" +
        "0000000164" +
        "000000016e" +
        "09" +
        "0000000109" +
        "aa",
    );
  });
});
