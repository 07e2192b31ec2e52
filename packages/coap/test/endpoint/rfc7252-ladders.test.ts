import { encodeUtf8, toHex } from "@isthmus/bytes";
import { describe, expect, test } from "vitest";
import { Code, Option, Options } from "../../src/codec/index.js";
import { answering, far, Inbox, Lockstep, Outcome } from "./lockstep.js";

const text = encodeUtf8;
const temperature = Options.of([Option.URI_PATH, "temperature"]);

describe("the server side of the figures of RFC 7252", () => {
  test("figures 4, 16, 17: a Confirmable request, a piggybacked response", () => {
    const ladder = new Lockstep({
      handler: answering(({ path }) =>
        path.text === "/temperature"
          ? { code: Code.CONTENT, payload: text("22.5 C") }
          : { code: Code.NOT_FOUND, payload: text("Not found") },
      ),
    });
    ladder.receive("CON bc90 GET #71 /temperature");
    ladder.expectSent('ACK bc90 2.05 #71 "22.5 C"');
    ladder.receive("CON bc91 GET #72 /unknown");
    ladder.expectSent('ACK bc91 4.04 #72 "Not found"');
    ladder.receive("CON 7d34 GET /temperature");
    ladder.expectSent('ACK 7d34 2.05 "22.5 C"');
    ladder.expectSilence();
  });

  test("figures 2, 5, 20: a Confirmable request, a separate response, each acknowledged", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    ladder.receive("CON 7a10 GET #73 /temperature");
    ladder.expectSilence();
    ladder.advance(250);
    ladder.expectSent("ACK 7a10");
    ladder.advance(10_000);
    inbox.take().respond(ladder.now, { code: Code.CONTENT, payload: text("22.5 C") });
    ladder.expectSent('CON $m 2.05 #73 "22.5 C"');
    ladder.receive("ACK $m");
    ladder.advance(300_000);
    ladder.expectSilence();
  });

  test("figures 3, 6, 22: a Non-confirmable request, a Non-confirmable response", () => {
    const ladder = new Lockstep({ handler: answering(() => ({ code: Code.CONTENT, payload: text("22.5 C") })) });
    ladder.receive("NON 7a11 GET #74 /temperature");
    ladder.expectSent('NON $m 2.05 #74 "22.5 C"');
    ladder.advance(300_000);
    ladder.expectSilence();
  });

  test("figure 23: a Non-confirmable request, a Confirmable response", () => {
    const ladder = new Lockstep({
      handler: answering(() => ({ code: Code.CONTENT, payload: text("22.3 C"), isConfirmable: true })),
    });
    ladder.receive("NON 7d38 GET #53 /temperature");
    ladder.expectSent('CON $m 2.05 #53 "22.3 C"');
    ladder.receive("ACK $m");
    ladder.advance(300_000);
    ladder.expectSilence();
  });

  test("figure 19: a request that comes again, its response lost, is handled once and answered the same", () => {
    let count = 0;
    const ladder = new Lockstep({
      handler: answering(() => ({ code: Code.CONTENT, payload: text(`${++count}`) })),
    });
    ladder.receive("CON 7d36 GET #31 /temperature");
    ladder.expectSent('ACK 7d36 2.05 #31 "1"');
    ladder.receive("CON 7d36 GET #31 /temperature");
    ladder.expectSent('ACK 7d36 2.05 #31 "1"');
    expect(count).toBe(1);
  });

  test("figure 5: a duplicate after the acknowledgement is acknowledged again, with the separate response on its way", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    ladder.receive("CON 7a10 GET #73 /temperature");
    ladder.advance(250);
    ladder.expectSent("ACK 7a10");
    ladder.receive("CON 7a10 GET #73 /temperature");
    ladder.expectSent("ACK 7a10");
    inbox.take().respond(ladder.now, { code: Code.CONTENT });
    ladder.expectSent("CON $m 2.05 #73");
    ladder.receive("CON 7a10 GET #73 /temperature");
    ladder.expectSent("ACK 7a10");
    expect(inbox.requests).toEqual([]);
  });

  test("4.5: a duplicate of a Non-confirmable request is ignored", () => {
    const ladder = new Lockstep({ handler: answering(() => ({ code: Code.CHANGED })) });
    ladder.receive("NON 0001 POST #01 /a");
    ladder.expectSent("NON $m 2.04 #01");
    ladder.receive("NON 0001 POST #01 /a");
    ladder.expectSilence();
  });

  test("4.2: a separate response is retransmitted with the timeout doubled, at most MAX_RETRANSMIT times", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox, parameters: { ackRandomFactor: 1 } });
    ladder.receive("CON 0001 GET #01 /a");
    ladder.advance(250);
    ladder.expectSent("ACK 0001");
    inbox.take().respond(ladder.now, { code: Code.CONTENT });
    ladder.expectSent("CON $m 2.05 #01");
    for (const waitMs of [2_000, 4_000, 8_000, 16_000]) {
      ladder.advance(waitMs - 1);
      ladder.expectSilence();
      ladder.advance(1);
      ladder.expectSent("CON $m 2.05 #01");
    }
    ladder.advance(300_000);
    ladder.expectSilence();
  });

  test("5.2.2: a Reset to a separate response ends its retransmission", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    ladder.receive("CON 0001 GET #01 /a");
    ladder.advance(250);
    ladder.expectSent("ACK 0001");
    inbox.take().respond(ladder.now, { code: Code.CONTENT });
    ladder.expectSent("CON $m 2.05 #01");
    ladder.receive("RST $m");
    ladder.advance(300_000);
    ladder.expectSilence();
  });

  test("an answer after EXCHANGE_LIFETIME goes nowhere and nothing is left of the request", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    ladder.receive("CON 0001 GET #01 /a");
    ladder.advance(248_000);
    ladder.expectSent("ACK 0001");
    inbox.take().respond(ladder.now, { code: Code.CONTENT });
    ladder.expectSilence();
    expect(ladder.endpoint.counters).toMatchObject({ pendingRequests: 0, timers: 0 });
  });
});

describe("the client side of the figures of RFC 7252", () => {
  test("figures 4, 16: a Confirmable request, a piggybacked response", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature }, outcome);
    ladder.expectSent("CON $m GET #$t /temperature");
    ladder.receive('ACK $m 2.05 #$t "22.3 C"');
    expect(outcome.texts).toEqual(["22.3 C"]);
    expect(outcome).toMatchObject({ isEnded: true, failure: undefined });
    ladder.advance(300_000);
    ladder.expectSilence();
    expect(ladder.endpoint.counters).toMatchObject({ requests: 0, timers: 0 });
  });

  test("figure 18: a lost request is sent again after ACK_TIMEOUT", () => {
    const ladder = new Lockstep({ parameters: { ackRandomFactor: 1 } });
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature }, outcome);
    ladder.expectSent("CON $m GET #$t /temperature");
    ladder.advance(1_999);
    ladder.expectSilence();
    ladder.advance(1);
    ladder.expectSent("CON $m GET #$t /temperature");
    ladder.receive('ACK $m 2.05 #$t "22.3 C"');
    expect(outcome.texts).toEqual(["22.3 C"]);
  });

  test("figure 20: the acknowledgement comes first, the response on its own", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature }, outcome);
    ladder.expectSent("CON $m GET #$t /temperature");
    ladder.receive("ACK $m");
    ladder.advance(60_000);
    ladder.expectSilence();
    ladder.receive('CON ad7b 2.05 #$t "22.3 C"');
    ladder.expectSent("ACK ad7b");
    expect(outcome.texts).toEqual(["22.3 C"]);
    ladder.receive('CON ad7b 2.05 #$t "22.3 C"');
    ladder.expectSent("ACK ad7b");
    expect(outcome.responses).toHaveLength(1);
  });

  test("5.2.2: the response comes although the acknowledgement was lost", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature }, outcome);
    ladder.expectSent("CON $m GET #$t /temperature");
    ladder.receive('CON ad7b 2.05 #$t "22.3 C"');
    ladder.expectSent("ACK ad7b");
    expect(outcome.texts).toEqual(["22.3 C"]);
    ladder.receive("ACK $m");
    ladder.advance(300_000);
    ladder.expectSilence();
  });

  test("figure 21: a separate response that nobody expects any more is rejected with a Reset", () => {
    const ladder = new Lockstep();
    ladder.receive('CON 7d39 2.05 #99 "22.3 C"');
    ladder.expectSent("RST 7d39");
    ladder.receive('CON 7d39 2.05 #99 "22.3 C"');
    ladder.expectSent("RST 7d39");
  });

  test("figure 22: a Non-confirmable request and response", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature, isConfirmable: false }, outcome);
    ladder.expectSent("NON $m GET #$t /temperature");
    ladder.receive('NON 0023 2.05 #$t "22.3 C"');
    ladder.expectSilence();
    expect(outcome.texts).toEqual(["22.3 C"]);
  });

  test("figure 23: a Confirmable response to a Non-confirmable request is acknowledged", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature, isConfirmable: false }, outcome);
    ladder.expectSent("NON $m GET #$t /temperature");
    ladder.receive('CON 0024 2.05 #$t "22.3 C"');
    ladder.expectSent("ACK 0024");
    expect(outcome.texts).toEqual(["22.3 C"]);
  });

  test("4.2: after MAX_TRANSMIT_WAIT the request fails", () => {
    const ladder = new Lockstep({ parameters: { ackRandomFactor: 1 } });
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature }, outcome);
    ladder.advance(62_000 - 1);
    expect(ladder.sent).toHaveLength(5);
    expect(outcome.isEnded).toBe(false);
    ladder.advance(1);
    expect(outcome.failure?.reason).toBe("timeout");
    expect(outcome.endCount).toBe(1);
  });

  test("4.2: a Reset fails the request", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature }, outcome);
    ladder.expectSent("CON $m GET #$t /temperature");
    ladder.receive("RST $m");
    expect(outcome.failure?.reason).toBe("reset");
    ladder.advance(300_000);
    ladder.expectSilence();
  });

  test("4.7: with NSTART 1 the second request waits for the first one's acknowledgement", () => {
    const ladder = new Lockstep();
    const first = new Outcome();
    const second = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature }, first);
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature }, second);
    ladder.expectSent("CON $m GET #$t /temperature");
    ladder.expectSilence();
    ladder.receive("ACK $m");
    ladder.expectSent("CON $n GET #$u /temperature");
    ladder.receive('ACK $n 2.05 #$u "two"');
    ladder.receive('CON 0001 2.05 #$t "one"');
    ladder.expectSent("ACK 0001");
    expect([first.texts, second.texts]).toEqual([["one"], ["two"]]);
  });

  test("4.7: a Non-confirmable request that is not answered probes at PROBING_RATE", () => {
    const ladder = new Lockstep({ parameters: { probingRateBytesPerSecond: 1 } });
    const request = { code: Code.GET, options: Options.of([Option.URI_PATH, "a"]), isConfirmable: false };
    ladder.endpoint.request(ladder.now, far, request, new Outcome());
    ladder.endpoint.request(ladder.now, far, request, new Outcome());
    ladder.expectSent("NON $m GET #$t /a");
    // 4 bytes of header, 4 of token, 2 of path: ten seconds at one byte a second.
    ladder.advance(9_999);
    ladder.expectSilence();
    ladder.advance(1);
    ladder.expectSent("NON $n GET #$u /a");
  });

  test("5.3.2: a response with another token, or from another endpoint, is not the response", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature }, outcome);
    ladder.expectSent("CON $m GET #$t /temperature");
    ladder.receive('ACK $m 2.05 #00112233 "no"');
    const stranger = { address: "192.0.2.66", port: 5683 };
    ladder.receive('CON 0001 2.05 #$t "no"', stranger);
    ladder.expectSent("RST 0001", stranger);
    expect(outcome.responses).toEqual([]);
    ladder.receive('ACK $m 2.05 #$t "yes"');
    expect(outcome.texts).toEqual(["yes"]);
  });

  test("5.4.1: a response with an unknown critical option is rejected", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature }, outcome);
    ladder.expectSent("CON $m GET #$t /temperature");
    ladder.receive("ACK $m");
    ladder.receive('CON 0001 2.05 #$t 65001=00 "x"');
    ladder.expectSent("RST 0001");
    expect(outcome.failure?.reason).toBe("bad-response");
  });

  test("but a 4.02 that sends back what it did not understand, as libcoap's does, is a response", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: Options.of([65_001, 0]) }, outcome);
    ladder.expectSent("CON $m GET #$t 65001=");
    ladder.receive("ACK $m 4.02 #$t 65001=");
    expect(outcome.responses.map(({ code }) => code)).toEqual([Code.BAD_OPTION]);
  });

  test("a request that is cancelled is not sent again", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    const request = ladder.endpoint.request(ladder.now, far, { code: Code.GET, options: temperature }, outcome);
    ladder.expectSent("CON $m GET #$t /temperature");
    request.cancel(ladder.now);
    request.cancel(ladder.now);
    ladder.advance(300_000);
    ladder.expectSilence();
    expect(outcome).toMatchObject({ failure: { reason: "cancelled" }, endCount: 1 });
  });
});

describe("a token of the application's choice", () => {
  test("goes with the request, also when it is empty", () => {
    const ladder = new Lockstep({ parameters: { nstart: 2 } });
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, token: new Uint8Array(0) }, outcome);
    ladder.expectSent("CON $m GET");
    const other = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, token: new Uint8Array(0) }, other);
    expect(other.failure?.message).toBe("the token is in use");
    ladder.receive('ACK $m 2.05 "a"');
    expect(outcome.texts).toEqual(["a"]);
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, token: Uint8Array.of(1, 2) }, new Outcome());
    ladder.expectSent("CON $n GET #0102");
  });
});

describe("extended tokens (RFC 8974)", () => {
  test.each([9, 13, 268, 269, 1_000])("2.1: a token of %i bytes is returned where it is allowed", (length) => {
    const token = "ab".repeat(length);
    const ladder = new Lockstep({
      handler: answering(() => ({ code: Code.CONTENT })),
      limits: { maxTokenLength: 1_000 },
    });
    ladder.receive(`CON 0001 GET #${token} /temperature`);
    ladder.expectSent(`ACK 0001 2.05 #${token}`);
    ladder.receive(`CON 0002 GET #${"cd".repeat(1_001)} /temperature`);
    ladder.expectSent("RST 0002");
  });

  test("a client's request may have one, and its response is told by it", () => {
    const ladder = new Lockstep({ limits: { maxTokenLength: 300 } });
    const outcome = new Outcome();
    const token = new Uint8Array(300).fill(7);
    ladder.endpoint.request(ladder.now, far, { code: Code.GET, token }, outcome);
    ladder.expectSent(`CON $m GET #${"07".repeat(300)}`);
    ladder.receive(`ACK $m 2.05 #${"07".repeat(300)} "x"`);
    expect(outcome.texts).toEqual(["x"]);
  });
});

describe("a tap", () => {
  test("sees the bytes of each message, both ways", () => {
    const seen: string[] = [];
    const tap = {
      handleReceived: (bytes: Uint8Array) => seen.push(`< ${toHex(bytes)}`),
      handleSent: (bytes: Uint8Array) => seen.push(`> ${toHex(bytes)}`),
    };
    const ladder = new Lockstep({ tap });
    ladder.receive("CON 0001");
    ladder.receiveBytes(Uint8Array.of(1));
    expect(seen).toEqual(["< 40000001", "> 70000001", "< 01"]);
  });
});

describe("pings", () => {
  test("4.3: an Empty Confirmable message provokes a Reset", () => {
    const ladder = new Lockstep();
    ladder.receive("CON 0001");
    ladder.expectSent("RST 0001");
  });

  test("4.3: an Empty Non-confirmable message is ignored", () => {
    const ladder = new Lockstep();
    ladder.receive("NON 0001");
    ladder.expectSilence();
  });

  test("a ping ends with the Reset", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.ping(ladder.now, far, outcome);
    ladder.expectSent("CON $m");
    ladder.receive("RST $m");
    expect(outcome).toMatchObject({ isEnded: true, failure: undefined });
  });

  test("a ping that nobody answers fails", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.ping(ladder.now, far, outcome);
    ladder.advance(100_000);
    expect(outcome.failure?.reason).toBe("timeout");
  });
});
