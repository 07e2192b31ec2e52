import { Duplex, duplexPair } from "node:stream";
import { fromHex, toHex } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeSlip, parseSnifferLine, SlipDecoder } from "../src/links/index.js";
import { SerialLink } from "../src/links-node/index.js";
import { octets } from "./arbitraries.js";

describe("SLIP (RFC 1055)", () => {
  it("escapes END and ESC", () => {
    expect(toHex(encodeSlip(fromHex("01c002db03")))).toBe("c001dbdc02dbdd03c0");
  });

  it("gives back any frames, in any chunks", () => {
    fc.assert(
      fc.property(fc.array(octets(1, 127), { maxLength: 5 }), fc.nat(20), (frames, size) => {
        const line = Buffer.concat(frames.map((frame) => encodeSlip(frame)));
        const decoder = new SlipDecoder(127);
        const decoded: string[] = [];
        for (let at = 0; at < line.length; at += size + 1) {
          decoded.push(...decoder.push(line.subarray(at, at + size + 1)).map((frame) => toHex(frame)));
        }
        expect(decoded).toEqual(frames.map((frame) => toHex(frame)));
        expect(decoder.brokenCount).toBe(0);
      }),
    );
  });

  it("drops what is too long or malformed, and goes on behind it", () => {
    const decoder = new SlipDecoder(3);
    const hex = (text: string): string[] => decoder.push(fromHex(text)).map((frame) => toHex(frame));
    expect(hex("c001020304c0aac0")).toEqual(["aa"]);
    expect(hex("01dbffc0bbc0")).toEqual(["bb"]);
    expect(hex("01dbc0ccc0")).toEqual(["cc"]);
    expect(decoder.brokenCount).toBe(3);
  });

  it("keeps within its bound whatever comes", () => {
    fc.assert(
      fc.property(fc.array(octets(0, 300), { maxLength: 10 }), (chunks) => {
        const decoder = new SlipDecoder(127);
        for (const chunk of chunks)
          for (const { length } of decoder.push(chunk)) expect(length).toBeLessThanOrEqual(127);
      }),
    );
  });
});

describe("a line of Nordic's sniffer", () => {
  it("tells a frame, its strength and quality", () => {
    expect(parseSnifferLine("received: 0200057a33 power: -51 lqi: 120 time: 4086912\r")).toEqual({
      psdu: fromHex("0200057a33"),
      rssDbm: -51,
      lqi: 120,
      channel: undefined,
    });
  });

  it.each(["", "channel 26", "received: 020 power: -51 lqi: 1", "received: zz power: -51 lqi: 1", "received: 02"])(
    "tells none: %j",
    (line) => expect(parseSnifferLine(line)).toBeUndefined(),
  );
});

describe("a serial link", () => {
  it("carries frames both ways", async () => {
    const [near, far] = duplexPair();
    const [a, b] = [new SerialLink(near), new SerialLink(far)];
    const heard = new Promise<string>((resolve) => (b.onFrame = ({ psdu }) => resolve(toHex(psdu))));
    a.send(fromHex("02c005db7a"));
    expect(await heard).toBe("02c005db7a");
    const answered = new Promise<string>((resolve) => (a.onFrame = ({ psdu }) => resolve(toHex(psdu))));
    b.send(fromHex("aa"));
    expect(await answered).toBe("aa");
    await Promise.all([a.close(), b.close(), a.close()]);
  });

  it("tells a sniffer which channel to listen to, and never sends", async () => {
    const written: string[] = [];
    const stream = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        written.push(chunk.toString());
        done();
      },
    });
    const link = new SerialLink(stream, { protocol: "nordic-sniffer", channel: 11 });
    const heard = new Promise<number | undefined>((resolve) => (link.onFrame = ({ rssDbm }) => resolve(rssDbm)));
    stream.push("boot\r\nreceived: 02000");
    stream.push("57a33 power: -51 lqi: 120 time: 1\r\n");
    expect(await heard).toBe(-51);
    expect(written.join("")).toBe("sleep\nchannel 11\nreceive\n");
    expect(() => link.send(fromHex("02"))).toThrow("a sniffer only listens");
    await link.close();
  });

  it("says that the line is gone", async () => {
    const [near] = duplexPair();
    const link = new SerialLink(near);
    const ended = new Promise<Error | undefined>((resolve) => (link.onEnd = resolve));
    near.destroy(new Error("unplugged"));
    expect((await ended)?.message).toBe("unplugged");
    await link.close();
  });
});
