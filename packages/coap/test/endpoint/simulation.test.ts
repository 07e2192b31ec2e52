import { SeededRandom } from "@isthmus/machine";
import { encodeUtf8 } from "@isthmus/bytes";
import { describe, expect, test } from "vitest";
import { Code, Option, Options } from "../../src/codec/index.js";
import { type IncomingRequest, type Response, Subject } from "../../src/endpoint/index.js";
import { type Conditions, MemoryNetwork } from "../../src/transport/memory.js";
import { answering, Outcome } from "./lockstep.js";
import { body } from "./notation.js";

const server = { address: "192.0.2.1", port: 5683 };
const client = { address: "192.0.2.2", port: 40_000 };
const seeds = Number(process.env["ISTHMUS_SEEDS"] ?? 10_000);

/** Loses datagrams with the given probability each way, and delays the others by 1 to 100 ms: they overtake. */
function lossy(seed: number, loss: number): Conditions {
  const random = new SeededRandom(seed);
  return () => (random.chance(loss) ? undefined : random.nextInteger(1, 100));
}

interface Tally {
  answered: number;
  gaveUp: number;
  handled: number;
}

/** One request under each seed; the handler answers at once or after `answerAfterMs`. */
function simulate(loss: number, answerAfterMs: number): Tally {
  // A separate response is sent five times too only when its address may get so much.
  const amplification = { isTrusted: () => answerAfterMs > 0 };
  const tally = { answered: 0, gaveUp: 0, handled: 0 };
  for (let seed = 1; seed <= seeds; seed++) {
    const net = new MemoryNetwork(lossy(seed, loss));
    const pending: { at: number; request: IncomingRequest }[] = [];
    let handled = 0;
    net.bind(server, {
      random: new SeededRandom(seed + 1_000_000),
      amplification,
      handler: {
        handleRequest(now, request) {
          handled++;
          if (answerAfterMs === 0) request.respond(now, { code: Code.CHANGED, payload: encodeUtf8(`${handled}`) });
          else pending.push({ at: now + answerAfterMs, request });
        },
      },
    });
    const endpoint = net.bind(client, { random: new SeededRandom(seed + 2_000_000) });
    const outcome = new Outcome();
    endpoint.request(net.now, server, { code: Code.POST }, outcome);
    if (answerAfterMs > 0) {
      // Whatever comes in comes in the 62 s of the five transmissions.
      while (pending.length === 0 && net.now < 65_000) net.runFor(500);
      for (const { at, request } of pending) {
        net.run(at);
        request.respond(at, { code: Code.CHANGED, payload: encodeUtf8("1") });
      }
    }
    net.run(300_000);
    // Whatever the network does: nothing is handled twice, and a request has one end and at most one response.
    expect(handled, `seed ${seed}`).toBeLessThanOrEqual(1);
    expect(outcome.endCount, `seed ${seed}`).toBe(1);
    expect(outcome.texts, `seed ${seed}`).toEqual(outcome.failure === undefined ? ["1"] : []);
    tally.handled += handled;
    if (outcome.failure === undefined) tally.answered++;
    else tally.gaveUp++;
  }
  return tally;
}

/** Four standard deviations of a rate that is `probability`, seen in so many seeds. */
function tolerance(probability: number): number {
  return 4 * Math.sqrt((probability * (1 - probability)) / seeds);
}

describe(`over a network that loses 40 % each way, ${seeds} seeds`, { timeout: 180_000 }, () => {
  test("the client gives up as often as computed, and nothing is handled twice", () => {
    const tally = simulate(0.4, 0);
    // A transmission is answered when neither it nor the answer is lost; there are five (RFC 7252 4.8).
    const computed = (1 - 0.6 * 0.6) ** 5;
    const rate = tally.gaveUp / seeds;
    console.log(`piggybacked: gave up ${(100 * rate).toFixed(2)} %, computed ${(100 * computed).toFixed(2)} %`);
    expect(Math.abs(rate - computed)).toBeLessThan(tolerance(computed));
    // The server hears of the request unless all five transmissions are lost, or one is answered before.
    expect(Math.abs(tally.handled / seeds - (1 - 0.4 ** 5))).toBeLessThan(tolerance(0.4 ** 5));
  });

  test("with separate responses as well", () => {
    const tally = simulate(0.4, 1_000);
    const rate = tally.gaveUp / seeds;
    // The request never arrives, or it does and none of the five transmissions of the response comes back.
    const computed = 0.4 ** 5 + (1 - 0.4 ** 5) * 0.4 ** 5;
    console.log(
      `separate: gave up ${(100 * rate).toFixed(2)} %, computed ${(100 * computed).toFixed(2)} % and a little`,
    );
    expect(rate).toBeGreaterThan(computed - tolerance(computed));
    // A little: when the request arrives late, the client has given up before the last transmissions.
    expect(rate).toBeLessThan(computed + 0.01 + tolerance(computed));
  });
});

describe("block-wise transfers over a lossy network", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])("both bodies arrive whole, handled once (seed %i)", (seed) => {
    const net = new MemoryNetwork(lossy(seed, 0.1));
    let handled = 0;
    const received: Uint8Array[] = [];
    net.bind(server, {
      random: new SeededRandom(seed),
      blockSizeBytes: 64,
      handler: answering((request) => {
        handled++;
        received.push(request.payload.slice());
        return { code: Code.CHANGED, payload: body(1_500) };
      }),
    });
    const endpoint = net.bind(client, { random: new SeededRandom(seed + 100) });
    const outcome = new Outcome();
    const request = { code: Code.POST, options: Options.of([Option.URI_PATH, "x"]), payload: body(2_000) };
    endpoint.request(net.now, server, request, outcome);
    net.run(3_600_000);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.responses[0]?.payload).toEqual(body(1_500));
    expect(received).toEqual([body(2_000)]);
    expect(handled).toBe(1);
  });
});

const observing = Options.of([Option.OBSERVE, 0], [Option.URI_PATH, "living-room"], [Option.URI_PATH, "temperature"]);

describe("observation over a lossy network", () => {
  test.each(Array.from({ length: 20 }, (_, i) => i + 1))(
    "states arrive in order, and the last one arrives (seed %i)",
    (seed) => {
      const net = new MemoryNetwork(lossy(seed, 0.2));
      const subject = new Subject();
      let value = 0;
      const state = (): Response => ({
        code: Code.CONTENT,
        payload: encodeUtf8(`${value}`),
        options: Options.of([Option.MAX_AGE, 60]),
      });
      net.bind(server, {
        random: new SeededRandom(seed),
        handler: {
          handleRequest(now, request) {
            request.observe(now, subject);
            request.respond(now, state());
          },
        },
      });
      const endpoint = net.bind(client, { random: new SeededRandom(seed + 100) });
      const outcome = new Outcome();
      endpoint.request(net.now, server, { code: Code.GET, options: observing }, outcome);
      for (value = 1; value < 50; value++) {
        net.runFor(700);
        subject.notify(net.now, state());
      }
      value = 49;
      net.runFor(200_000);
      const seen = outcome.texts.map(Number);
      expect(seen.at(-1)).toBe(49);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    },
  );
});
