import { SeededRandom } from "@isthmus/machine";
import { SimLink, VirtualClock } from "@isthmus/testing";
import { describe, expect, it } from "vitest";
import { ClientSession } from "../src/session/client-session.js";
import { ReferenceServer } from "./session-client-reference-server.js";

/** Runs of each kind; ISTHMUS_SIMULATION_RUNS=5000 is a good night's work. */
const RUNS = Number(process.env["ISTHMUS_SIMULATION_RUNS"] ?? 150);
const FIRST_SEED = Number(process.env["ISTHMUS_SIMULATION_SEED"] ?? 1);
const MESSAGES_EACH_WAY = 40;

interface Outcome {
  readonly up: readonly { readonly text: string; readonly qos: number }[];
  readonly down: readonly { readonly text: string; readonly qos: number }[];
  readonly settled: readonly string[];
  readonly connections: number;
}

describe.each([4, 5] as const)("a session of protocol version %i over a link that breaks at random", (version) => {
  it(`delivers QoS 1 at least once and QoS 2 exactly once, in order, both ways (${RUNS} runs from seed ${FIRST_SEED})`, () => {
    let connections = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
      const outcome = simulate(version, seed);
      connections += outcome.connections;
      for (const direction of ["up", "down"] as const) checkDelivery(outcome[direction], direction, seed);
      expect(outcome.settled.toSorted(), `settled once each, seed ${seed}`).toEqual(
        Array.from({ length: MESSAGES_EACH_WAY }, (_, i) => `up ${i}`).toSorted(),
      );
    }
    // The simulation must have simulated something.
    expect(connections).toBeGreaterThan(RUNS * 3);
  });
});

function checkDelivery(delivered: Outcome["up"], direction: string, seed: number): void {
  for (const qos of [1, 2] as const) {
    const texts = delivered.filter((message) => message.qos === qos).map(({ text }) => text);
    const firsts = [...new Set(texts)];
    const sent = Array.from({ length: MESSAGES_EACH_WAY }, (_, i) => i).filter((i) => qosOf(i) === qos);
    expect(firsts, `${direction}, QoS ${qos}, seed ${seed}`).toEqual(sent.map((i) => `${direction} ${i}`));
    if (qos === 2) expect(texts, `${direction}, doubles at QoS 2, seed ${seed}`).toEqual(firsts);
  }
}

function qosOf(index: number): 1 | 2 {
  return index % 3 === 0 ? 1 : 2;
}

/** Both sides publish at random moments, the link breaks at random moments, until all is delivered. */
function simulate(version: 4 | 5, seed: number): Outcome {
  const random = new SeededRandom(seed);
  const clock = new VirtualClock();
  const session = new ClientSession<string>({
    protocolVersion: version,
    clientId: "c",
    cleanStart: false,
    keepAlive: 1,
    properties: version === 5 ? { sessionExpiryInterval: 0xffff_ffff, receiveMaximum: 8 } : undefined,
  });
  const server = new ReferenceServer({ version, receiveMaximum: random.nextInteger(1, 10) });
  const link = { minLatencyMs: 1, maxLatencyMs: 20, isOrdered: true };
  const toServer = new SimLink<Uint8Array>({ ...link, seed });
  const toClient = new SimLink<Uint8Array>({ ...link, seed: seed + 0x1000_0000 });
  const down: { text: string; qos: number }[] = [];
  const settled: string[] = [];
  let published = 0;
  let downPublished = 0;
  let isConnected = false;
  let connections = 0;

  for (let step = 0; step < 20_000; step++) {
    const isDone =
      settled.length === MESSAGES_EACH_WAY && downPublished === MESSAGES_EACH_WAY && server.outgoingCount === 0;
    if (isDone) return { up: server.delivered, down, settled, connections };
    if (!isConnected) {
      isConnected = true;
      connections++;
      session.connect(clock.now);
    } else if (random.chance(0.03)) breakLink();
    if (published < MESSAGES_EACH_WAY && random.chance(0.3)) publishUp(published++);
    if (downPublished < MESSAGES_EACH_WAY && random.chance(0.3)) {
      server.publish(qosOf(downPublished), `down ${downPublished}`);
      downPublished++;
    }
    flush();
    clock.advanceBy(random.nextInteger(0, 5));
    for (const bytes of toServer.takeArrived(clock.now)) server.receive(clock.now, bytes);
    for (const bytes of toClient.takeArrived(clock.now)) session.receiveBytes(clock.now, bytes);
    if (session.nextDeadline() <= clock.now) session.handleTimeout(clock.now);
    takeEvents();
  }
  throw new Error(`not done after 20,000 steps (seed ${seed})`);

  function breakLink(): void {
    // What was sent this turn may still arrive; what is under way is lost.
    if (random.chance(0.5)) flush();
    toServer.clear();
    toClient.clear();
    session.handleClose(clock.now);
    server.handleClose();
    isConnected = false;
  }

  function publishUp(index: number): void {
    const payload = new TextEncoder().encode(`up ${index}`);
    session.publish(
      clock.now,
      { topic: "up", payload, qos: qosOf(index), retain: false, properties: undefined },
      `up ${index}`,
    );
  }

  function flush(): void {
    for (const bytes of session.takeTransmits()) toServer.send(clock.now, bytes);
    for (const bytes of server.takeTransmits()) toClient.send(clock.now, bytes);
  }

  function takeEvents(): void {
    for (const event of session.takeEvents()) {
      if (event.type === "message") {
        down.push({ text: new TextDecoder().decode(event.packet.payload), qos: event.packet.qos });
      } else if (event.type === "completed") settled.push(event.context);
      else if (event.type !== "connected") throw new Error(`${event.type} (seed ${seed})`, { cause: event });
    }
  }
}
