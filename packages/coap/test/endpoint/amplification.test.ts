import { SeededRandom } from "@isthmus/machine";
import { describe, expect, test } from "vitest";
import { Code, decodeDatagram, encodeDatagram, Option, Options } from "../../src/codec/index.js";
import { Subject } from "../../src/endpoint/index.js";
import { MemoryNetwork } from "../../src/transport/memory.js";
import { answering, far, Lockstep, Outcome } from "./lockstep.js";
import { body, formatMessage } from "./notation.js";

const strict = { amplification: {} };

function lastLine(ladder: Lockstep): string {
  const last = ladder.sent.at(-1);
  return last === undefined ? "nothing" : formatMessage(decodeDatagram(last.bytes));
}

describe("an unverified address gets no more than three times the bytes that it sent", () => {
  test("a large response goes in a small block, with a challenge; whoever returns it gets large ones", () => {
    const ladder = new Lockstep({ handler: answering(() => ({ code: Code.CONTENT, payload: body(500) })), ...strict });
    ladder.receive("CON 0001 GET #01020304 /a");
    ladder.expectSent("ACK 0001 2.05 #01020304 2:0/1/16 *");
    // The second request pays for the challenge as well.
    ladder.receive("CON 0002 GET #01020305 /abcdefgh");
    const line = lastLine(ladder);
    expect(line).toMatch(/2:0\/1\/32 echo=[0-9a-f]{8} ".{32}"$/);
    ladder.sent.length = 0;
    const echo = /echo=([0-9a-f]+)/.exec(line)?.[1] ?? "";
    ladder.receive(`CON 0003 GET #01020306 /abcdefgh 2:0/0/1024 echo=${echo}`);
    ladder.expectSent("ACK 0003 2.05 #01020306 2:0/0/1024 [500]");
  });

  test("a wrong Echo verifies nothing", () => {
    const ladder = new Lockstep({ handler: answering(() => ({ code: Code.CONTENT, payload: body(500) })), ...strict });
    ladder.receive("CON 0001 GET #01 /a echo=00112233");
    expect(lastLine(ladder)).toContain("2:0/1/16");
  });

  test("when not even the smallest block fits, a safe request is challenged and another gets the code alone", () => {
    const ladder = new Lockstep({ handler: answering(() => ({ code: Code.CONTENT, payload: body(500) })), ...strict });
    ladder.receive("CON 0001 GET");
    ladder.expectSent("ACK 0001 4.01 echo=$e");
    const other = { address: "192.0.2.9", port: 9 };
    ladder.receive("CON 0001 POST", other);
    ladder.expectSent("ACK 0001 2.05", other);
  });

  test("RFC 9175 2.4: a challenge never goes as a separate Confirmable response", () => {
    let answer = (): void => {};
    const ladder = new Lockstep({
      handler: {
        handleRequest(_now, request) {
          answer = () => request.respond(ladder.now, { code: Code.CONTENT, payload: body(500) });
        },
      },
      ...strict,
    });
    ladder.receive("CON 0001 GET /a");
    ladder.advance(250);
    ladder.expectSent("ACK 0001");
    answer();
    expect(lastLine(ladder)).toMatch(/^NON .* 4.01 echo=/);
    ladder.advance(100_000);
    expect(ladder.sent).toHaveLength(1);
  });

  test("a response to a request of ours verifies its sender", () => {
    const ladder = new Lockstep({ handler: answering(() => ({ code: Code.CONTENT, payload: body(500) })), ...strict });
    ladder.endpoint.request(ladder.now, far, { code: Code.GET }, new Outcome());
    ladder.expectSent("CON $m GET #$t");
    ladder.receive("ACK $m 2.05 #$t");
    ladder.receive("CON 0001 GET /a");
    ladder.expectSent("ACK 0001 2.05 [500]");
  });

  test("an observer must acknowledge before it gets more than its registration paid for", () => {
    const subject = new Subject();
    const ladder = new Lockstep({
      handler: {
        handleRequest(now, request) {
          request.observe(now, subject);
          request.respond(now, { code: Code.CONTENT, payload: body(4) });
        },
      },
      ...strict,
    });
    const bytes = encodeDatagram({
      type: 1,
      messageId: 1,
      code: Code.GET,
      token: Uint8Array.of(1),
      options: Options.of([Option.OBSERVE, 0], [Option.URI_PATH, "a"]),
      payload: new Uint8Array(0),
    });
    ladder.receiveBytes(bytes);
    for (let i = 0; i < 100; i++) {
      subject.notify(ladder.now, { code: Code.CONTENT, payload: body(4) });
      ladder.advance(10_000);
    }
    const sentBytes = ladder.sent.reduce((sum, sent) => sum + sent.bytes.length, 0);
    expect(sentBytes).toBeLessThanOrEqual(3 * bytes.length);
    expect(subject.observations.size).toBe(0);
  });

  test("a registration of few bytes is answered Confirmably; the acknowledgement opens the way", () => {
    const subject = new Subject();
    const ladder = new Lockstep({
      handler: {
        handleRequest(now, request) {
          request.observe(now, subject);
          request.respond(now, { code: Code.CONTENT, payload: body(9) });
        },
      },
      parameters: { ackRandomFactor: 1 },
      ...strict,
    });
    ladder.receive("CON 0001 GET #01020304 obs=0 /obs");
    ladder.expectSent("CON $a 2.05 #01020304 obs=$x *");
    // It was lost: there is no more to spend, until the client asks again.
    ladder.advance(2_000);
    ladder.expectSilence();
    ladder.receive("CON 0001 GET #01020304 obs=0 /obs");
    ladder.expectSilence();
    ladder.advance(4_000);
    ladder.expectSent("CON $a 2.05 #01020304 obs=$x *");
    ladder.receive("ACK $a");
    for (let i = 0; i < 10; i++) {
      subject.notify(ladder.now, { code: Code.CONTENT, payload: body(9) });
      ladder.expectSent(`CON $m${i}x 2.05 #01020304 *`);
      ladder.receive(`ACK $m${i}x`);
    }
  });

  test("a registration that pays for nothing is challenged", () => {
    const subject = new Subject();
    const ladder = new Lockstep({
      handler: {
        handleRequest(now, request) {
          request.observe(now, subject);
          request.respond(now, { code: Code.CONTENT, payload: body(100) });
        },
      },
      ...strict,
    });
    ladder.receive("CON 0001 GET obs=0");
    ladder.expectSent("ACK 0001 4.01 echo=$e");
    expect(subject.observations.size).toBe(0);
    ladder.receive("CON 0002 GET obs=0 echo=$e");
    ladder.expectSent("ACK 0002 2.05 obs=$x [100]");
  });

  test("with headers counted, as RFC 9175 reckons, 136 bytes answer the shortest request", () => {
    const ladder = new Lockstep({
      handler: answering(() => ({ code: Code.CONTENT, payload: body(131) })),
      amplification: { headerBytes: 14 + 40 + 8 },
    });
    ladder.receive("CON 0001 GET");
    expect(ladder.sent[0]?.bytes.length).toBe(136);
  });

  test("trusted addresses, and all with a factor of Infinity, are not limited", () => {
    for (const amplification of [{ isTrusted: () => true }, { factor: Number.POSITIVE_INFINITY }]) {
      const ladder = new Lockstep({
        handler: answering(() => ({ code: Code.CONTENT, payload: body(500) })),
        amplification,
      });
      ladder.receive("CON 0001 GET");
      ladder.expectSent("ACK 0001 2.05 [500]");
    }
  });

  test.each([1, 2, 3])("whatever is sent from addresses that never answer (seed %i)", (seed) => {
    const random = new SeededRandom(seed);
    const subject = new Subject();
    const ladder = new Lockstep({
      handler: {
        handleRequest(now, request) {
          request.observe(now, subject);
          const response = { code: Code.CONTENT, payload: body(random.nextInteger(0, 3_000)) };
          if (random.chance(0.8)) request.respond(now, response);
        },
      },
      ...strict,
    });
    const received = new Map<number, number>();
    for (let i = 0; i < 2_000; i++) {
      const from = { address: "192.0.2.7", port: random.nextInteger(1, 20) };
      const bytes = encodeDatagram({
        type: random.chance(0.5) ? 0 : 1,
        messageId: random.nextInteger(0, 50),
        code: random.nextInteger(0, 7) || 1,
        token: random.bytes(random.nextInteger(0, 8)),
        options: Options.of(
          ...(random.chance(0.3) ? [[Option.OBSERVE, 0] as const] : []),
          [Option.URI_PATH, random.pick(["a", "bb", "a-long-segment"])],
          ...(random.chance(0.2) ? [[random.pick([23, 27, 9, 35, 252]), random.bytes(1)] as const] : []),
        ),
        payload: random.bytes(random.nextInteger(0, 20)),
      });
      received.set(from.port, (received.get(from.port) ?? 0) + bytes.length);
      ladder.receiveBytes(bytes, from);
      if (random.chance(0.1)) subject.notify(ladder.now, { code: Code.CONTENT, payload: body(100) });
      if (random.chance(0.1)) ladder.advance(random.nextInteger(0, 60_000));
    }
    ladder.advance(1_000_000);
    const sent = new Map<number, number>();
    for (const { bytes, to } of ladder.sent) sent.set(to.port, (sent.get(to.port) ?? 0) + bytes.length);
    expect(sent.size).toBeGreaterThan(10);
    for (const [port, count] of sent) expect(count).toBeLessThanOrEqual(3 * (received.get(port) ?? 0));
  });
});

describe("a client that knows Echo", () => {
  const server = { address: "192.0.2.10", port: 5683 };
  const client = { address: "192.0.2.20", port: 40_000 };

  function network(): { net: MemoryNetwork; outcome: Outcome; datagrams: () => number; get: (code?: number) => void } {
    let count = 0;
    const net = new MemoryNetwork(() => {
      count++;
      return 1;
    });
    net.bind(server, {
      random: new SeededRandom(1),
      handler: answering(() => ({ code: Code.CONTENT, payload: body(5_000) })),
    });
    const endpoint = net.bind(client, { random: new SeededRandom(2) });
    const outcome = new Outcome();
    return {
      net,
      outcome,
      datagrams: () => count,
      get: (code = Code.GET) => {
        endpoint.request(net.now, server, { code, options: Options.of([Option.URI_PATH, "large"]) }, outcome);
        net.run(1_000);
      },
    };
  }

  test("starts over with the challenge, and gets large blocks from there", () => {
    const { outcome, get, datagrams } = network();
    get();
    expect(outcome.responses[0]?.payload).toEqual(body(5_000));
    // One small block, then five large ones.
    expect(datagrams()).toBe(2 * (1 + 5));
  });

  test("answers 4.01 with the request again, a few times at most", () => {
    const ladder = new Lockstep();
    const outcome = new Outcome();
    ladder.endpoint.request(ladder.now, far, { code: Code.PUT, payload: body(3) }, outcome);
    ladder.expectSent("CON $a PUT #$t *");
    ladder.receive("ACK $a 4.01 #$t echo=0102");
    ladder.expectSent("CON $b PUT #$u echo=0102 *");
    ladder.receive("ACK $b 4.01 #$u echo=0304");
    ladder.expectSent("CON $c PUT #$v echo=0304 *");
    ladder.receive("ACK $c 4.01 #$v echo=0304");
    ladder.expectSent("CON $d PUT #$w echo=0304 *");
    ladder.receive("ACK $d 4.01 #$w echo=0304");
    ladder.expectSilence();
    expect(outcome.responses.map(({ code }) => code)).toEqual([Code.UNAUTHORIZED]);
  });
});
