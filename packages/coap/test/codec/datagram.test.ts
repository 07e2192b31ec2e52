import { fromHex, toHex } from "@isthmus/bytes";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  Code,
  confirmableMessageId,
  decodeDatagram,
  encodeDatagram,
  encodeEmpty,
  MAX_EXTENDED_TOKEN_LENGTH,
  MessageFormatError,
  MessageType,
  NO_BYTES,
  Option,
  Options,
} from "../../src/codec/index.js";
import { formatMessage, parseMessage } from "../endpoint/notation.js";
import { datagrams, plain } from "./arbitraries.js";
import { datagramCases } from "./datagram-cases.js";

describe("datagrams", () => {
  test.each(datagramCases)("$title ($clause)", ({ hex, message, fault }) => {
    if (message === undefined) {
      expect(() => decodeDatagram(fromHex(hex))).toThrow(MessageFormatError);
      expect(() => decodeDatagram(fromHex(hex))).toThrow(expect.objectContaining({ fault }));
    } else {
      expect(formatMessage(decodeDatagram(fromHex(hex)))).toBe(message);
      expect(toHex(encodeDatagram(parseMessage(message)))).toBe(hex.replaceAll(" ", ""));
    }
  });

  test("what is encoded is decoded again", () => {
    fc.assert(
      fc.property(datagrams, (message) => {
        expect(plain(decodeDatagram(encodeDatagram(message)))).toEqual(plain(message));
      }),
      { numRuns: 300 },
    );
  });

  test("a strict prefix, or any mutation, is a message or a MessageFormatError", () => {
    fc.assert(
      fc.property(
        datagrams,
        fc.nat(),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
        (message, cut, changes) => {
          const bytes = encodeDatagram(message);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          try {
            decodeDatagram(bytes.subarray(0, cut % (bytes.length + 1)));
          } catch (error) {
            expect(error).toBeInstanceOf(MessageFormatError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("RFC 8974: longer tokens are read where they are allowed, up to the longest", () => {
    for (const length of [9, 12, 13, 268, 269, 1_000, MAX_EXTENDED_TOKEN_LENGTH]) {
      const token = new Uint8Array(length).fill(7);
      const bytes = encodeDatagram({
        type: MessageType.NON,
        messageId: 1,
        code: Code.GET,
        token,
        options: Options.NONE,
        payload: NO_BYTES,
      });
      expect(decodeDatagram(bytes, MAX_EXTENDED_TOKEN_LENGTH).token).toEqual(token);
      expect(() => decodeDatagram(bytes, length - 1)).toThrow(expect.objectContaining({ fault: "token-length" }));
      expect(() => decodeDatagram(bytes.subarray(0, bytes.length - 1), MAX_EXTENDED_TOKEN_LENGTH)).toThrow(
        expect.objectContaining({ fault: "token-short" }),
      );
    }
    const token = new Uint8Array(MAX_EXTENDED_TOKEN_LENGTH + 1);
    expect(() =>
      encodeDatagram({
        type: MessageType.NON,
        messageId: 1,
        code: Code.GET,
        token,
        options: Options.NONE,
        payload: NO_BYTES,
      }),
    ).toThrow(RangeError);
  });

  test("a datagram of thousands of options is refused before it costs memory", () => {
    const bytes = new Uint8Array(1_000);
    bytes.set(fromHex("40010001"));
    expect(() => decodeDatagram(bytes)).toThrow(expect.objectContaining({ fault: "too-many-options" }));
  });

  test("what a Reset is due for is told from the first four bytes", () => {
    expect(confirmableMessageId(fromHex("4f 01 1234"))).toBe(0x1234);
    for (const hex of ["50 01 1234", "60 01 1234", "80 01 1234", "40 01 12"]) {
      expect(confirmableMessageId(fromHex(hex))).toBeUndefined();
    }
    expect(toHex(encodeEmpty(MessageType.RST, 0x1234))).toBe("70001234");
  });
});

describe("options", () => {
  test("come out by number, repeated ones in their order", () => {
    const options = Options.of(
      [Option.URI_QUERY, "q"],
      [Option.URI_PATH, "a"],
      [Option.ACCEPT, 50],
      [Option.URI_PATH, "b"],
    );
    expect([...options].map(([number]) => number)).toEqual([11, 11, 15, 17]);
    expect(options.texts(Option.URI_PATH)).toEqual(["a", "b"]);
    expect(options.text(Option.URI_QUERY)).toBe("q");
    expect(options.uint(Option.ACCEPT)).toBe(50);
    expect(options.uint(Option.OBSERVE)).toBeUndefined();
    expect(options.count).toBe(4);
  });

  test("are changed by making others", () => {
    const options = Options.of([Option.URI_PATH, "a"], [Option.URI_PATH, "b"], [Option.MAX_AGE, 0]);
    expect(options.with(Option.URI_PATH, "c").texts(Option.URI_PATH)).toEqual(["c"]);
    expect(options.with(Option.ETAG, Uint8Array.of(1)).bytes(Option.ETAG)).toEqual(Uint8Array.of(1));
    expect(options.without(Option.URI_PATH, Option.MAX_AGE).count).toBe(0);
    expect(options.without(Option.ETAG)).toBe(options);
    expect(options.filter((number) => number !== Option.MAX_AGE).count).toBe(2);
    expect(options.texts(Option.URI_PATH)).toEqual(["a", "b"]);
  });

  test("unsigned integers take the shortest form, and are read with zeros before them", () => {
    for (const [value, hex] of [
      [0, ""],
      [1, "01"],
      [255, "ff"],
      [256, "0100"],
      [65_536, "010000"],
      [0xffff_ffff, "ffffffff"],
    ] as const) {
      expect(toHex(Options.of([Option.SIZE1, value]).bytes(Option.SIZE1) ?? NO_BYTES)).toBe(hex);
      expect(Options.of([Option.SIZE1, value]).uint(Option.SIZE1)).toBe(value);
    }
    expect(Options.of([Option.MAX_AGE, fromHex("00000001")]).uint(Option.MAX_AGE)).toBe(1);
    expect(Options.of([Option.MAX_AGE, fromHex("01000000000000")]).uint(Option.MAX_AGE)).toBeUndefined();
  });

  test("out of range are refused", () => {
    expect(() => Options.of([Option.MAX_AGE, -1])).toThrow(RangeError);
    expect(() => Options.of([Option.MAX_AGE, 2 ** 32])).toThrow(RangeError);
    expect(() => Options.of([65_536, 0])).toThrow("65536 is not an option number");
  });
});
