import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { concatBytes } from "@isthmus/bytes";
import { SeededRandom } from "@isthmus/machine";
import { describe, expect, test } from "vitest";
import { Code, encodeDatagram, encodeStreamMessage, Option, Options } from "../../src/codec/index.js";
import {
  type Address,
  ConnectionEndpoint,
  DatagramEndpoint,
  type IncomingRequest,
  Subject,
} from "../../src/endpoint/index.js";
import { Outcome } from "./lockstep.js";
import { body, parseMessage } from "./notation.js";

/** Mutated datagrams to send: ten million in the long run, `ISTHMUS_FUZZ_PACKETS=10000000`. */
const packets = Number(process.env["ISTHMUS_FUZZ_PACKETS"] ?? 200_000);
const seed = Number(process.env["ISTHMUS_FUZZ_SEED"] ?? 1);

const corpus = [
  "CON 0001 GET #01020304 /small",
  "NON 0002 GET #01 /large 2:1/0/64",
  "CON 0003 PUT #02 /small 1:0/1/64 size1=200 [64]",
  "CON 0004 PUT #02 /small 1:1/1/64 [64]",
  "CON 0005 PUT #02 /small 1:2/0/64 tag=01 [20]",
  "CON 0006 GET #03 obs=0 /small",
  "NON 0007 GET #03 obs=1 /small",
  'CON 0008 POST #0405060708090a0b /slow?a=b ?q accept=50 "text"',
  'CON 0009 FETCH #05 /large cf=60 "x"',
  "CON 000a",
  "ACK 2de7",
  "RST 2de7",
  'ACK 2de7 2.05 #e3609ab3 etag=0102 max-age=1 "x"',
  "CON 000b 2.05 #e3609ab3 obs=5 2:0/1/16 [16]",
  "NON 000c GET #06 /.well-known/core no-response=26 echo=0102 hops=3",
  "CON 000d GET #07 35=636f61703a2f2f612f 39=636f6170 9=00",
].map((line) => encodeDatagram(parseMessage(line.replace("/slow?a=b", "/slow"))));

/** Changes, cuts, doubles or joins what is in the corpus; sometimes just noise. */
function mutate(random: SeededRandom): Uint8Array {
  if (random.chance(0.02)) return random.bytes(random.nextInteger(0, 64));
  let bytes: Uint8Array = random.pick(corpus).slice();
  if (random.chance(0.1)) bytes = concatBytes([bytes, random.pick(corpus).subarray(random.nextInteger(0, 8))]);
  for (let count = random.nextInteger(0, 4); count > 0; count--) {
    const at = random.nextInteger(0, bytes.length - 1);
    if (random.chance(0.5)) bytes[at] = random.nextUint32();
    else bytes[at] = (bytes[at] ?? 0) ^ (1 << random.nextInteger(0, 7));
  }
  // Message ids that mostly differ, or all but the first would be duplicates.
  if (bytes.length >= 4 && random.chance(0.8)) bytes.set([random.nextUint32(), random.nextUint32()], 2);
  if (random.chance(0.1)) bytes = bytes.subarray(0, random.nextInteger(0, bytes.length));
  return bytes;
}

/** Answers in all the ways that there are. */
class Playground {
  readonly subject = new Subject();
  readonly pending: IncomingRequest[] = [];
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  handleRequest(now: number, request: IncomingRequest): void {
    request.observe(now, this.subject);
    const size = request.path.text === "/large" ? 2_000 : 10;
    const response = { code: Code.CONTENT, payload: body(size), options: Options.of([Option.ETAG, Uint8Array.of(1)]) };
    if (request.path.text !== "/slow") request.respond(now, response);
    else if (this.#random.chance(0.5)) this.pending.push(request);
  }

  answerSome(now: number): void {
    for (const request of this.pending.splice(0)) request.respond(now, { code: Code.CHANGED, payload: body(30) });
    this.subject.notify(now, { code: Code.CONTENT, payload: body(this.#random.nextInteger(0, 300)) });
  }
}

setFlagsFromString("--expose-gc");
// A context made after the flag was set has the collector.
// It takes no argument that we give, and returns nothing.
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes that are in use, garbage collected. */
function bytesInUse(): number {
  // Once for what refers to buffers, once for the buffers.
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Milliseconds for the long run on a busy machine. */
const timeoutMs = Math.max(60_000, packets / 5);

describe(`${packets} mutated datagrams (seed ${seed})`, () => {
  test(
    "crash nothing, hang nothing, and leave no more behind than the limits allow",
    () => {
      const random = new SeededRandom(seed);
      const playground = new Playground(random);
      const received = new Map<string, number>();
      const sent = new Map<string, number>();
      const count = (tally: Map<string, number>, { address, port }: Address, bytes: Uint8Array): void => {
        const key = `${address} ${port}`;
        tally.set(key, (tally.get(key) ?? 0) + bytes.length);
      };
      const endpoint = new DatagramEndpoint(
        {
          random: new SeededRandom(seed + 1),
          handler: playground,
          limits: {
            maxPeers: 512,
            maxObservers: 256,
            maxAssemblyBytes: 1 << 20,
            maxKeptBytes: 1 << 20,
            maxPendingRequests: 256,
          },
        },
        { transmit: (bytes, to) => count(sent, to, bytes), wake: () => {} },
      );
      let now = 0;
      let inUseAfterWarmUp = 0;
      for (let i = 0; i < packets; i++) {
        now += random.nextInteger(0, 20);
        const from = { address: `192.0.2.${random.nextInteger(1, 8)}`, port: random.nextInteger(1, 200) };
        const bytes = mutate(random);
        count(received, from, bytes);
        endpoint.receive(now, bytes, from, random.chance(0.02));
        if (endpoint.nextDeadline() <= now) endpoint.handleTimeout(now);
        if (i % 256 === 0) playground.answerSome(now);
        if (i % 4_096 === 0)
          endpoint.request(now, from, { code: Code.GET, options: Options.of([Option.OBSERVE, 0]) }, new Outcome());
        if (i === Math.floor(packets / 10)) inUseAfterWarmUp = bytesInUse();
      }
      const { counters } = endpoint;
      expect(counters.received).toBe(packets);
      expect(counters.malformed).toBeGreaterThan(packets / 20);
      expect(counters.peers).toBeLessThanOrEqual(512);
      expect(counters.observers).toBeLessThanOrEqual(256);
      expect(counters.pendingRequests).toBeLessThanOrEqual(256);
      const growth = bytesInUse() - inUseAfterWarmUp;
      console.log(`${packets} datagrams, grown by ${growth} bytes:`, JSON.stringify(counters));
      // What fills up late: de-duplication (8.5 MB at most), bodies (2 MB), decoded paths.
      expect(growth).toBeLessThan(16 * 2 ** 20);

      // Nobody is left waiting once all time is over.
      for (let step = 0; step < 100_000 && endpoint.nextDeadline() !== Number.POSITIVE_INFINITY; step++) {
        now = Math.max(now, endpoint.nextDeadline());
        endpoint.handleTimeout(now);
      }
      // Nor is any peer held on to: as many strangers as there is room for are let in.
      playground.subject.end(now, { code: Code.NOT_FOUND });
      for (let step = 0; step < 100_000 && endpoint.nextDeadline() !== Number.POSITIVE_INFINITY; step++) {
        now = Math.max(now, endpoint.nextDeadline());
        endpoint.handleTimeout(now);
      }
      const { overload } = endpoint.counters;
      for (let port = 1; port <= 512; port++) {
        endpoint.receive(now, encodeDatagram(parseMessage("CON 0001")), { address: "198.51.100.1", port });
      }
      expect(endpoint.counters.overload).toBe(overload);
      endpoint.close(now);
      expect(endpoint.counters).toMatchObject({ observers: 0, requests: 0, timers: 0 });
    },
    timeoutMs,
  );
});

describe(`mutated streams (seed ${seed})`, () => {
  test(
    "crash nothing: they are read, or the connection is aborted",
    () => {
      const random = new SeededRandom(seed + 7);
      const stream = [
        "CON 0001 7.01 2=2000 4=",
        "CON 0001 GET #01 /small",
        "CON 0001 7.02 #0102",
        "CON 0001 GET #03 obs=0 /small",
        "CON 0001 PUT #02 /small 1:0/1/64 [64]",
        "CON 0001 GET #04 /large",
        "CON 0001 7.04",
      ].map((line) => encodeStreamMessage(parseMessage(line)));
      let aborted = 0;
      for (let run = 0; run < packets / 100; run++) {
        const playground = new Playground(random);
        const state = { isClosed: false };
        const endpoint = new ConnectionEndpoint(
          {
            random: new SeededRandom(run),
            framing: "stream",
            remote: { address: "192.0.2.1", port: 1 },
            handler: playground,
          },
          {
            write: () => {},
            isCongested: () => random.chance(0.1),
            close: () => (state.isClosed = true),
            ready: () => {},
            wake: () => {},
          },
        );
        endpoint.start(0);
        const bytes = concatBytes(stream);
        for (let count = random.nextInteger(0, 3); count > 0; count--) {
          bytes[random.nextInteger(0, bytes.length - 1)] = random.nextUint32();
        }
        for (let at = 0; at < bytes.length && !state.isClosed;) {
          const size = random.nextInteger(1, 80);
          endpoint.receive(run, bytes.slice(at, at + size));
          at += size;
          playground.answerSome(run);
        }
        if (state.isClosed) aborted++;
        endpoint.handleClosed(run);
        expect(playground.subject.observations.size).toBe(0);
      }
      expect(aborted).toBeGreaterThan(0);
    },
    timeoutMs,
  );
});
