import { describe, expect, test } from "vitest";
import { Code, encodeDatagram, Option, Options } from "../../src/codec/index.js";
import { MessageIdSequence } from "../../src/endpoint/message-id-sequence.js";
import { answering, far, Inbox, Lockstep, Outcome } from "./lockstep.js";
import { parseMessage } from "./notation.js";

describe("message ids (RFC 7252 4.4)", () => {
  test("none is used again within its lifetime", () => {
    const ids = new MessageIdSequence(65_000);
    const usedAt = new Map<number, number>();
    let now = 0;
    let waits = 0;
    for (let i = 0; i < 200_000; i++) {
      if (ids.availableAt() > now) {
        now = ids.availableAt();
        waits++;
      }
      const id = ids.take(now + 247_000);
      const before = usedAt.get(id);
      if (before !== undefined) expect(now - before).toBeGreaterThanOrEqual(247_000);
      usedAt.set(id, now);
      now += 0.1;
    }
    expect(usedAt.size).toBe(65_536);
    expect(waits).toBeGreaterThan(0);
  });

  test("a sender that exhausts them waits, and goes on", () => {
    const ladder = new Lockstep({ limits: { maxQueuedPerPeer: 4 } });
    let sent = 0;
    for (let i = 0; i < 70_000; i++) {
      const outcome = new Outcome();
      ladder.endpoint.request(ladder.now, far, { code: Code.GET, isConfirmable: false }, outcome).cancel(ladder.now);
      sent += ladder.sent.splice(0).length;
    }
    expect(sent).toBeLessThanOrEqual(65_536);
    expect(sent).toBeGreaterThan(65_536 - 1_025);
    ladder.advance(146_000);
    ladder.endpoint.request(ladder.now, far, { code: Code.GET }, new Outcome());
    ladder.expectSent("CON $m GET #$t");
  });
});

describe("what peers make an endpoint keep is bounded", () => {
  test("peers: the one unused for longest is forgotten", () => {
    const ladder = new Lockstep({ handler: answering(() => ({ code: Code.CONTENT })), limits: { maxPeers: 100 } });
    for (let port = 1; port <= 1_000; port++) ladder.receive("CON 0001 GET #01", { address: "192.0.2.1", port });
    expect(ladder.endpoint.counters.peers).toBe(100);
    expect(ladder.sent).toHaveLength(1_000);
  });

  test("peers that are idle for EXCHANGE_LIFETIME go when others come", () => {
    const ladder = new Lockstep({ handler: answering(() => ({ code: Code.CONTENT })) });
    for (let port = 1; port <= 1_000; port++) ladder.receive("CON 0001 GET #01", { address: "192.0.2.1", port });
    ladder.advance(248_000);
    for (let port = 2_001; port <= 2_500; port++) ladder.receive("CON 0001 GET #01", { address: "192.0.2.1", port });
    expect(ladder.endpoint.counters.peers).toBe(500);
  });

  test("peers in use are kept, and then strangers are turned away in silence", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox, limits: { maxPeers: 10 } });
    for (let port = 1; port <= 20; port++) ladder.receive("CON 0001 GET #01", { address: "192.0.2.1", port });
    expect(inbox.requests).toHaveLength(10);
    expect(ladder.endpoint.counters).toMatchObject({ peers: 10, overload: 10 });
    for (const request of inbox.requests) request.respond(ladder.now, { code: Code.CONTENT });
    ladder.receive("CON 0001 GET #01", { address: "192.0.2.1", port: 21 });
    expect(inbox.requests).toHaveLength(11);
  });

  test("unanswered requests: more are dropped, and may come again", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox, limits: { maxPendingRequests: 3 } });
    for (let id = 1; id <= 5; id++) ladder.receive(`CON 000${id} GET #0${id}`);
    expect(inbox.requests).toHaveLength(3);
    inbox.take().respond(ladder.now, { code: Code.CONTENT });
    ladder.expectSent("ACK 0001 2.05 #01");
    ladder.receive("CON 0004 GET #04");
    expect(inbox.requests).toHaveLength(3);
  });

  test("own requests: beyond the queue of a peer they fail at once", () => {
    const ladder = new Lockstep({ limits: { maxQueuedPerPeer: 2 } });
    const outcomes = Array.from({ length: 5 }, () => {
      const outcome = new Outcome();
      ladder.endpoint.request(ladder.now, far, { code: Code.GET }, outcome);
      return outcome;
    });
    expect(outcomes.map(({ failure }) => failure?.reason)).toEqual([
      undefined,
      undefined,
      undefined,
      "overload",
      "overload",
    ]);
  });

  test("own requests: beyond the endpoint's limit they fail at once, and leave nothing behind", () => {
    const ladder = new Lockstep({ limits: { maxRequests: 1 } });
    ladder.endpoint.request(ladder.now, far, { code: Code.GET }, new Outcome());
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET }, outcome);
    expect(outcome).toMatchObject({ failure: { reason: "overload" }, endCount: 1 });
    expect(ladder.endpoint.counters.requests).toBe(1);
  });

  test("paths that are never the same again are all found, and found right", () => {
    const seen: string[] = [];
    const ladder = new Lockstep({
      handler: answering(({ path }) => {
        seen.push(path.text);
        return { code: Code.CONTENT };
      }),
    });
    for (let i = 0; i < 10_000; i++) {
      const message = parseMessage(`NON 0001 GET #01 /a/${i}`);
      ladder.receiveBytes(encodeDatagram({ ...message, messageId: i }));
    }
    expect(new Set(seen).size).toBe(10_000);
    expect(seen[1_234]).toBe("/a/1234");
  });

  test("paths that differ in where they are cut are different", () => {
    const paths: string[][] = [];
    const ladder = new Lockstep({
      handler: answering(({ path }) => {
        paths.push([...path.segments]);
        return { code: Code.CONTENT };
      }),
    });
    const cuts = [["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"], []];
    for (const round of [0, 1]) {
      for (const [i, segments] of cuts.entries()) {
        const options = Options.of(...segments.map((segment) => [Option.URI_PATH, segment] as const));
        ladder.receiveBytes(encodeDatagram({ ...parseMessage("NON 0001 GET"), messageId: 10 * round + i, options }));
      }
    }
    expect(paths).toEqual([...cuts, ...cuts]);
  });
});

describe("a limited rate of requests (RFC 8516)", () => {
  test("beyond it the answer is 4.29, and Max-Age says when to ask again; others are not concerned", () => {
    const handler = answering(() => ({ code: Code.CONTENT }));
    const ladder = new Lockstep({ handler, requestRate: { perSecond: 0.5, burst: 2 } });
    ladder.receive("CON 0001 GET #01");
    ladder.receive("CON 0002 GET #02");
    ladder.receive("CON 0003 GET #03");
    ladder.receive("CON 0001 GET #04", { address: "192.0.2.2", port: 1 });
    ladder.expectSent("ACK 0001 2.05 #01");
    ladder.expectSent("ACK 0002 2.05 #02");
    ladder.expectSent("ACK 0003 4.29 #03 max-age=2");
    ladder.expectSent("ACK 0001 2.05 #04", { address: "192.0.2.2", port: 1 });
    ladder.advance(2_000);
    ladder.receive("CON 0004 GET #05");
    ladder.expectSent("ACK 0004 2.05 #05");
    ladder.receive("CON 0005 GET #06");
    ladder.expectSent("ACK 0005 4.29 #06 max-age=2");
  });
});

describe("closing", () => {
  test("fails what is under way, stops the timers, and ignores what comes later", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET }, outcome);
    ladder.receive("CON 0001 GET #01");
    ladder.sent.length = 0;
    ladder.endpoint.close(ladder.now);
    ladder.endpoint.close(ladder.now);
    expect(outcome).toMatchObject({ failure: { reason: "closed" }, endCount: 1 });
    expect(ladder.endpoint.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    ladder.receive("CON 0002 GET #01");
    const late = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.GET }, late);
    expect(late.failure?.reason).toBe("closed");
    ladder.expectSilence();
    expect(inbox.requests).toHaveLength(1);
  });
});

describe("misuse is told by name", () => {
  test("a request whose code is no method, or that sets what the endpoint sets", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    expect(() => ladder.endpoint.request(0, far, { code: Code.CONTENT }, outcome)).toThrow("69 is not a method");
    const options = Options.of([Option.BLOCK1, 0]);
    expect(() => ladder.endpoint.request(0, far, { code: Code.GET, options }, outcome)).toThrow(TypeError);
    expect(() =>
      ladder.endpoint.request(0, far, { code: Code.PUT, payload: new Uint8Array(9), blockSizeBytes: 8 }, outcome),
    ).toThrow("blockSizeBytes is 8");
    expect(ladder.endpoint.counters.requests).toBe(0);
  });

  test("a response whose code is none", () => {
    const inbox = new Inbox();
    const ladder = new Lockstep({ handler: inbox });
    ladder.receive("CON 0001 GET #01");
    expect(() => inbox.take().respond(0, { code: Code.GET })).toThrow("1 is not a response code");
  });

  test("parameters that make no sense", () => {
    expect(() => new Lockstep({ parameters: { ackRandomFactor: 0.5 } })).toThrow("ackRandomFactor is 0.5");
    expect(() => new Lockstep({ parameters: { nstart: 0 } })).toThrow("nstart is 0");
    expect(() => new Lockstep({ parameters: { ackTimeoutMs: Number.NaN } })).toThrow("ackTimeoutMs is NaN");
  });
});
