import { concatBytes, fromHex, toHex } from "@isthmus/bytes";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  applyCsm,
  baseCapabilities,
  Code,
  type CoapMessage,
  decodeFrameMessage,
  encodeFrameMessage,
  encodeStreamMessage,
  findBadSignalingOption,
  MessageFormatError,
  NO_BYTES,
  Option,
  Options,
  SignalingOption,
  signalingOptionFormat,
  signalingOptionName,
  StreamFramer,
} from "../../src/codec/index.js";
import { messages, plain } from "./arbitraries.js";

const limits = { maxMessageBytes: 1 << 20, maxTokenLength: 8 };

function read(chunks: Iterable<Uint8Array>, use = limits): CoapMessage[] {
  const framer = new StreamFramer(use);
  const found: CoapMessage[] = [];
  for (const chunk of chunks) {
    framer.push(chunk);
    for (let message = framer.next(); message !== undefined; message = framer.next()) found.push(message);
  }
  return found;
}

const get: CoapMessage = {
  code: Code.GET,
  token: Uint8Array.of(1),
  options: Options.of([Option.URI_PATH, "a"]),
  payload: NO_BYTES,
};

describe("messages on a stream (RFC 8323 3.2)", () => {
  test.each([
    ["an Empty message", "00 00", { ...get, code: 0, token: NO_BYTES, options: Options.NONE }],
    [
      "a CSM with two options",
      "41 e1 01 22 0480 20",
      { ...get, code: Code.CSM, options: Options.of([2, 1_152], [4, NO_BYTES]) },
    ],
    ["a request", "21 01 01 b1 61", get],
    [
      "13 bytes, one extended",
      `d0 00 45 ff ${"61".repeat(12)}`,
      { code: Code.CONTENT, token: NO_BYTES, options: Options.NONE, payload: new Uint8Array(12).fill(0x61) },
    ],
  ])("%s", (_title, hex, message) => {
    expect(plain(read([fromHex(hex)])[0] ?? get)).toEqual(plain(message));
    expect(toHex(encodeStreamMessage(message))).toBe(hex.replaceAll(" ", ""));
  });

  test.each([0, 12, 13, 14, 268, 269, 270, 65_804, 65_805, 65_806, 70_000])("a body of %i bytes", (length) => {
    const payload = length === 0 ? NO_BYTES : new Uint8Array(length - 1).fill(7);
    const message = { ...get, options: Options.NONE, payload };
    const bytes = encodeStreamMessage(message);
    const [found] = read([bytes]);
    expect(found?.payload.length).toBe(payload.length);
    expect(bytes.length - 3 - length).toBe(length < 13 ? 0 : length < 269 ? 1 : length < 65_805 ? 2 : 4);
  });

  test("every chunking gives the same messages", () => {
    fc.assert(
      fc.property(
        fc.array(messages, { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 30 }),
        (list, sizes) => {
          const stream = concatBytes(list.map((message) => encodeStreamMessage(message)));
          const chunks: Uint8Array[] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            chunks.push(stream.slice(at, at + size));
            at += size;
          }
          expect(read(chunks).map((message) => plain(message))).toEqual(list.map((message) => plain(message)));
          expect(read([stream])).toHaveLength(list.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("a strict prefix of a message is no message yet", () => {
    const bytes = encodeStreamMessage({ ...get, payload: new Uint8Array(300) });
    for (let length = 0; length < bytes.length; length++) expect(read([bytes.slice(0, length)])).toEqual([]);
  });

  test("large messages in small chunks cost memory as they come, not as they are announced", () => {
    const payload = new Uint8Array(900_000).map((_, i) => i);
    const stream = concatBytes([encodeStreamMessage({ ...get, payload }), encodeStreamMessage(get)]);
    const chunks = Array.from({ length: Math.ceil(stream.length / 1_448) }, (_, i) =>
      stream.slice(i * 1_448, (i + 1) * 1_448),
    );
    const [large, small] = read(chunks);
    expect(large?.payload).toEqual(payload);
    expect(small?.code).toBe(Code.GET);
  });

  test("a message beyond the limit is refused by its header", () => {
    expect(() => read([fromHex("f0 ffffffff 01")])).toThrow(expect.objectContaining({ fault: "message-too-large" }));
    expect(() =>
      read([encodeStreamMessage({ ...get, payload: new Uint8Array(100) })], { maxMessageBytes: 99, maxTokenLength: 8 }),
    ).toThrow(MessageFormatError);
  });

  test.each([
    ["a token longer than allowed", "09 01 010203040506070809", "token-length"],
    ["token length 15", "0f 01", "token-length"],
    ["an option beyond the message", "10 01 b1", "option-short"],
    ["a payload marker without payload", "10 01 ff", "no-payload"],
  ])("%s is refused", (_title, hex, fault) => {
    expect(() => read([fromHex(hex)])).toThrow(expect.objectContaining({ fault }));
  });

  test("any bytes are messages or a MessageFormatError", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }), (chunks) => {
        try {
          read(chunks);
        } catch (error) {
          expect(error).toBeInstanceOf(MessageFormatError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("messages in WebSocket frames (RFC 8323 4.2)", () => {
  test("have no length, and end with the frame", () => {
    expect(toHex(encodeFrameMessage(get))).toBe("010101b161");
    fc.assert(
      fc.property(messages, (message) => {
        expect(plain(decodeFrameMessage(encodeFrameMessage(message)))).toEqual(plain(message));
      }),
    );
  });

  test.each(["", "00", "10 01 61", "04 01 0102", "00 01 ff"])("%j is refused", (hex) => {
    expect(() => decodeFrameMessage(fromHex(hex))).toThrow(MessageFormatError);
  });
});

describe("signaling (RFC 8323 5)", () => {
  test("options mean what their message says", () => {
    expect(signalingOptionName(Code.CSM, 2)).toBe("Max-Message-Size");
    expect(signalingOptionName(Code.PING, 2)).toBe("Custody");
    expect(signalingOptionName(Code.ABORT, 2)).toBe("Bad-CSM-Option");
    expect(signalingOptionName(Code.ABORT, 8)).toBe("8");
    expect(signalingOptionFormat(Code.RELEASE, 2)).toBe("string");
  });

  test("a CSM changes what it names and leaves the rest", () => {
    const { MAX_MESSAGE_SIZE, BLOCK_WISE_TRANSFER, EXTENDED_TOKEN_LENGTH } = SignalingOption.CSM;
    const first = applyCsm(baseCapabilities, Options.of([MAX_MESSAGE_SIZE, 5_000], [BLOCK_WISE_TRANSFER, NO_BYTES]));
    expect(first).toEqual({ maxMessageBytes: 5_000, supportsBlockWise: true, maxTokenLength: 8 });
    expect(applyCsm(first, Options.of([EXTENDED_TOKEN_LENGTH, 100]))).toEqual({ ...first, maxTokenLength: 100 });
    expect(applyCsm(first, Options.of([EXTENDED_TOKEN_LENGTH, 1]))).toEqual(first);
  });

  test("a critical option is never understood", () => {
    expect(findBadSignalingOption(Options.of([2, 1], [5, NO_BYTES]))).toBe(5);
    expect(findBadSignalingOption(Options.of([2, 1], [6, NO_BYTES]))).toBeUndefined();
  });
});
