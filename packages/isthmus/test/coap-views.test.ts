import { encodeUtf8, fromHex } from "@isthmus/bytes";
import { encodeDatagram, encodeFrameMessage, encodeStreamMessage, Option, Options } from "@isthmus/coap";
import { describe, expect, it } from "vitest";
import { formatContentFormat, parseContentFormat, parseOption, percentDecode } from "../src/coap/option-text.js";
import { viewPacket } from "../src/coap/packet-view.js";
import { viewPayload } from "../src/coap/payload-view.js";
import { parseArguments } from "../src/coap/operands.js";
import { withoutVerbosityLevel } from "../src/coap/request-flags.js";
import { text, toggle } from "../src/flags.js";

describe("a payload for people", () => {
  it.each<[what: string, payload: Uint8Array, format: number | undefined, shown: string]>([
    ["text", encodeUtf8("21.5 °C"), 0, "21.5 °C"],
    ["text that is not said to be", encodeUtf8("hello"), undefined, "hello"],
    ["bytes", fromHex("00ff41"), 42, "0000  00 ff 41                                         ..A"],
    [
      "control characters",
      encodeUtf8("a\u001b[31m"),
      0,
      "0000  61 1b 5b 33 31 6d                                a.[31m",
    ],
    ["JSON", encodeUtf8('{"a":[1,2]}'), 50, '{\n  "a": [\n    1,\n    2\n  ]\n}'],
    ["JSON that is none", encodeUtf8('{"a":'), 50, '{"a":'],
    ["links", encodeUtf8('</a>;rt="x y";obs,</b>'), 40, "</a>\n    rt = x y\n    obs\n</b>"],
    ["XML", encodeUtf8("<a/>"), 41, "<a/>"],
    ["a format that nobody knows", encodeUtf8("x"), 65_000, "x"],
  ])("%s", (_, payload, format, shown) => {
    expect(viewPayload(payload, format)).toBe(shown);
  });

  it("CBOR in diagnostic notation, on lines of its own when it is long", () => {
    expect(viewPayload(fromHex("a2016161420aff"), 60)).toBe(
      "0000  a2 01 61 61 42 0a ff                             ..aaB..",
    );
    expect(viewPayload(fromHex("a2016161 02 420aff"), 60)).toBe("{1: \"a\", 2: h'0aff'}");
    expect(viewPayload(fromHex("84 f4 f6 f7 fb3ff199999999999a"), 60)).toBe("[false, null, undefined, 1.1]");
    const long = [...Array(30).keys()].map((value) =>
      value < 24 ? value.toString(16).padStart(2, "0") : `18${value.toString(16)}`,
    );
    expect(viewPayload(fromHex(`981e${long.join("")}`), 60).split("\n")).toHaveLength(32);
  });

  it("SenML as a table, resolved", () => {
    const pack =
      '[{"bn":"dev:","bt":1320067464,"n":"temp","u":"Cel","v":20.5},{"n":"door","vb":true,"t":1},{"n":"x","vd":"Cg"}]';
    expect(viewPayload(encodeUtf8(pack), 110).split("\n")).toEqual([
      "2011-10-31T13:24:24.000Z  dev:temp  20.5   Cel",
      "2011-10-31T13:24:24.000Z  dev:x     h'0a'",
      "2011-10-31T13:24:25.000Z  dev:door  true",
    ]);
  });
});

describe("a packet for people", () => {
  const message = {
    code: 0x45,
    token: fromHex("4a"),
    options: Options.of(
      [Option.CONTENT_FORMAT, 50],
      [Option.MAX_AGE, 5],
      [Option.BLOCK2, 0x1e],
      [Option.ETAG, fromHex("0a")],
      [65_001, "?"],
    ),
    payload: encodeUtf8("{}"),
  };
  const body = [
    "    ETag            0x0a",
    "    Content-Format  50 application/json",
    "    Max-Age         5 s",
    "    Block2          block 1 of 1024 bytes, more follow",
    "    65001           0x3f",
    "    payload of 2 bytes",
    "      0000  7b 7d                                            {}",
    "",
  ];
  const peer = { address: "2001:db8::1", port: 5683 };

  it("in a datagram", () => {
    const bytes = encodeDatagram({ ...message, type: 2, messageId: 0x7d34 });
    expect(viewPacket("<", bytes, peer, "datagram").split("\n")).toEqual([
      `< [2001:db8::1]:5683  ACK 7d34 2.05 Content #4a  (${bytes.length} bytes)`,
      ...body,
    ]);
  });

  it("in a stream, and in a frame", () => {
    for (const [framing, bytes] of [
      ["stream", encodeStreamMessage(message)],
      ["frame", encodeFrameMessage(message)],
    ] as const) {
      expect(viewPacket(">", bytes, { address: "192.0.2.1", port: 1 }, framing).split("\n")).toEqual([
        `> 192.0.2.1:1  2.05 Content #4a  (${bytes.length} bytes)`,
        ...body,
      ]);
    }
  });

  it("shows what is no message as bytes", () => {
    expect(viewPacket("<", fromHex("0102"), peer, "datagram")).toMatch(/^< .* not CoAP: .*\n      0000  01 02 /);
  });

  it("shows the options of signaling messages by their names", () => {
    const csm = {
      code: 0xe1,
      token: new Uint8Array(),
      options: Options.of([2, 1_152], [4, ""]),
      payload: new Uint8Array(),
    };
    expect(viewPacket(">", encodeStreamMessage(csm), peer, "stream")).toContain(
      "7.01 CSM  (6 bytes)\n    Max-Message-Size     1152\n    Block-Wise-Transfer\n",
    );
  });
});

describe("what stands on the command line", () => {
  it.each<[text: string, id: number]>([
    ["50", 50],
    ["json", 50],
    ["application/cbor", 60],
    ["text/plain", 0],
    ["Link", 40],
  ])("Content-Format %s", (given, id) => {
    expect(parseContentFormat(given, "-t")).toBe(id);
  });

  it("refuses other Content-Formats, and says which was meant", () => {
    expect(() => parseContentFormat("senml", "-t")).toThrow(/no such Content-Format/);
    expect(() => parseContentFormat("70000", "-t")).toThrow(/no such Content-Format/);
    expect(formatContentFormat(11_050)).toBe("11050 application/json (deflate)");
  });

  it.each<[text: string, number: number, value: string]>([
    ["17,50", 17, "32"],
    ["4,0x0a1b", 4, "0a1b"],
    ["15,a=1", 15, "613d31"],
    ["5", 5, ""],
    ["5,", 5, ""],
    ["2048,7", 2_048, "37"],
  ])("option %s", (given, number, value) => {
    const [found, bytes] = parseOption(given);
    expect([found, Buffer.from(bytes as Uint8Array).toString("hex")]).toEqual([number, value]);
  });

  it.each(["x,1", "70000,1", "4,0xz1", "4,0x123"])("refuses the option %s", (given) => {
    expect(() => parseOption(given)).toThrow(/^-O /);
  });

  it("decodes %41 in -e", () => {
    expect(Buffer.from(percentDecode("a%41%00%c3%a4%zz")).toString("hex")).toBe(
      Buffer.from("aA\0ä%zz").toString("hex"),
    );
  });

  it("tells operands from values", () => {
    const table = { name: text("-n --name", "NAME", ""), isOn: toggle("-o", "") };
    const { values, operands } = parseArguments(
      table,
      ["a", "-n", "b", "-o", "c", "--name=d", "-", "--", "-x"],
      "test",
    );
    expect([values, operands]).toEqual([{ name: "d", isOn: true }, ["a", "c", "-", "-x"]]);
    expect(() => parseArguments(table, ["-n"], "test")).toThrow("-n needs NAME");
  });

  it("takes coap-client's level after -v", () => {
    expect(withoutVerbosityLevel(["-v", "9", "u"])).toEqual(["-v", "u"]);
    expect(withoutVerbosityLevel(["-v", "3", "u"])).toEqual(["u"]);
    expect(withoutVerbosityLevel(["-v", "u"])).toEqual(["-v", "u"]);
  });
});
