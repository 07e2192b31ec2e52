import { encodeUtf8 } from "@isthmus/bytes";
import { SeededRandom } from "@isthmus/machine";
import { describe, expect, test } from "vitest";
import { Code, Option, Options } from "../../src/codec/index.js";
import { MemoryNetwork } from "../../src/transport/memory.js";
import { answering, far, Lockstep, Outcome } from "./lockstep.js";
import { body } from "./notation.js";

describe("requests to a group (RFC 7252 8)", () => {
  const handler = answering(({ path }) => ({ code: path.text === "/a" ? Code.CONTENT : Code.NOT_FOUND }));

  test("8.2: the answer comes within the leisure, Non-confirmable", () => {
    const ladder = new Lockstep({ handler });
    ladder.receive("NON 0001 GET #01 /a", far, true);
    ladder.expectSilence();
    ladder.advance(5_000);
    ladder.expectSent("NON $m 2.05 #01");
  });

  test("8.2: answers of many are spread over the leisure", () => {
    const times = Array.from({ length: 50 }, (_, i) => {
      const ladder = new Lockstep({ handler, random: new SeededRandom(i) });
      ladder.receive("NON 0001 GET #01 /a", far, true);
      return ladder.endpoint.nextDeadline() - ladder.now;
    });
    expect(Math.max(...times)).toBeLessThanOrEqual(5_000);
    expect(Math.max(...times)).toBeGreaterThan(4_000);
    expect(Math.min(...times)).toBeLessThan(1_000);
  });

  test("8.2: errors are kept back, unless No-Response asks for them (RFC 7967 2.1)", () => {
    const ladder = new Lockstep({ handler });
    ladder.receive("NON 0001 GET #01 /b", far, true);
    ladder.receive("NON 0002 GET #02 /a 65001=00", far, true);
    ladder.advance(10_000);
    ladder.expectSilence();
    ladder.receive("NON 0003 GET #03 /b no-response=0", far, true);
    ladder.advance(5_000);
    ladder.expectSent("NON $m 4.04 #03");
  });

  test("8.1: a Confirmable request, a ping and a malformed message to a group are ignored", () => {
    const ladder = new Lockstep({ handler });
    ladder.receive("CON 0001 GET #01 /a", far, true);
    ladder.receive("CON 0002", far, true);
    ladder.receiveBytes(Uint8Array.of(0x40, 1, 0, 3, 0xff), far, true);
    ladder.advance(300_000);
    ladder.expectSilence();
  });

  test("a client gets an answer from each member, and the rest of a large one from it alone", () => {
    const net = new MemoryNetwork();
    const group = { address: "224.0.1.187", port: 5683 };
    const asked = encodeUtf8("me");
    for (let i = 1; i <= 5; i++) {
      const member = { address: `192.0.2.${i}`, port: 5683 };
      net.bind(member, {
        random: new SeededRandom(i),
        handler: answering(() => ({ code: Code.CONTENT, payload: i === 5 ? body(3_000) : asked })),
      });
      net.join(group, member);
    }
    const client = net.bind({ address: "192.0.2.100", port: 5683 }, { random: new SeededRandom(100) });
    const outcome = new Outcome();
    const request = { code: Code.GET, options: Options.of([Option.URI_PATH, "a"]), isMulticast: true };
    client.request(net.now, group, request, outcome);
    net.run(6_999);
    expect(outcome.isEnded).toBe(false);
    expect(outcome.responses.map(({ peer }) => peer.address).sort()).toEqual(
      [1, 2, 3, 4, 5].map((i) => `192.0.2.${i}`),
    );
    expect(outcome.responses.find(({ peer }) => peer.address === "192.0.2.5")?.payload).toEqual(body(3_000));
    net.run(10_000);
    expect(outcome).toMatchObject({ isEnded: true, failure: undefined, endCount: 1 });
  });

  test("a late answer of a member is dropped without a Reset", () => {
    const ladder = new Lockstep();
    ladder.receive("NON 0001 2.05 #01020304");
    ladder.expectSilence();
    ladder.receive("NON 0002 2.05 #01020304 obs=3");
    ladder.expectSent("RST 0002");
  });
});

describe("No-Response (RFC 7967 2.1)", () => {
  const handler = answering(({ path }) => ({
    code: path.text === "/ok" ? Code.CHANGED : path.text === "/bad" ? Code.NOT_FOUND : Code.INTERNAL_SERVER_ERROR,
  }));

  test.each([
    [0, ["/ok", "/bad", "/worse"]],
    [2, ["/bad", "/worse"]],
    [8, ["/ok", "/worse"]],
    [16, ["/ok", "/bad"]],
    [26, []],
  ])("%i lets through %j", (value, answered) => {
    const ladder = new Lockstep({ handler });
    const seen = ["/ok", "/bad", "/worse"].filter((path, i) => {
      ladder.receive(`NON 000${i} POST #0${i} ${path} no-response=${value}`);
      return ladder.sent.splice(0).length > 0;
    });
    expect(seen).toEqual(answered);
  });

  test("2.31 is never suppressed: the next block would not come", () => {
    const ladder = new Lockstep({ handler });
    ladder.receive("NON 0001 PUT #01 /ok 1:0/1/16 no-response=26 [16]");
    ladder.expectSent("NON $m 2.31 #01 1:0/1/16");
    ladder.receive("NON 0002 PUT #01 /ok 1:1/0/16 no-response=26 [3]");
    ladder.expectSilence();
  });

  test("a Confirmable request is acknowledged all the same", () => {
    const ladder = new Lockstep({ handler });
    ladder.receive("CON 0001 POST #01 /ok no-response=2");
    ladder.expectSent("ACK 0001");
    ladder.advance(300_000);
    ladder.expectSilence();
  });
});
