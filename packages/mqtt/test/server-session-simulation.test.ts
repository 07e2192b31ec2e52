import { SeededRandom } from "@isthmus/machine";
import { describe, expect, test } from "vitest";
import {
  type AcknowledgementFrame,
  acknowledgementSize,
  type ProtocolVersion,
  type PublishFrame,
  writePuback,
  writePubcomp,
  writePubrec,
  writePubrel,
} from "../src/codec/index.js";
import { OutboundEntry } from "../src/session/outbound-entry.js";
import { Outbox, OutboxMemory } from "../src/session/outbox.js";
import { OutboundTopicAliases } from "../src/session/outbound-topic-aliases.js";
import { ServerConnection } from "../src/session/server-connection.js";
import { ServerSession, type SessionLink } from "../src/session/server-session.js";
import { CapturingTransport, RecordingOwner } from "./server-ladder.js";
import { ReferenceClient } from "./server-session-reference-client.js";
import { SessionLadder, type TestMessage, testMessage } from "./server-session-ladder.js";
import { encodeUtf8 } from "@isthmus/bytes";

/** One connection of the server, wired to the session as a broker does it. */
class SimulatedConnection extends RecordingOwner implements SessionLink {
  readonly outbox = new Outbox(new OutboxMemory());
  readonly core: ServerConnection;
  readonly transport = new CapturingTransport();
  isRoomy = true;
  receiveMaximum = 65_535;
  readonly #topicAliases = new OutboundTopicAliases(3);
  readonly #server: SimulatedServer;

  constructor(server: SimulatedServer) {
    super();
    this.#server = server;
    const sizes = { maximumPacketSize: 10_000, maximumConnectSize: 10_000, maximumSubscribeSize: 10_000 };
    this.core = new ServerConnection(this, this.outbox, { ...sizes, connectTimeoutMs: 1000 }, 0);
    this.connection = this.core;
    this.answer = (core) => {
      this.receiveMaximum = this.connect?.properties?.receiveMaximum ?? 65_535;
      core.accept({ type: "connack", sessionPresent: server.hasSession, reasonCode: 0 }, 0);
      server.hasSession = true;
      server.session.attach(this, 0);
    };
  }

  get topicAliases(): OutboundTopicAliases | undefined {
    return this.version === 5 ? this.#topicAliases : undefined;
  }

  get version(): ProtocolVersion {
    return this.core.version;
  }

  get maximumPacketSize(): number {
    return this.core.clientMaximumPacketSize;
  }

  canSend(): boolean {
    return this.isRoomy;
  }

  override handlePublish(frame: PublishFrame): void {
    const { qos, packetIdentifier } = frame;
    const isNew = qos !== 2 || this.#server.session.receive(packetIdentifier);
    const text = new TextDecoder().decode(frame.payload());
    if (isNew) this.#server.delivered.push({ text, qos });
    if (qos === 1) this.#acknowledge(writePuback, packetIdentifier);
    if (qos === 2) this.#acknowledge(writePubrec, packetIdentifier);
  }

  override handleAcknowledgement({ type, packetIdentifier, reasonCode }: AcknowledgementFrame): void {
    const { session } = this.#server;
    switch (type) {
      case "puback":
        session.handlePuback(packetIdentifier, 0);
        return;
      case "pubrec":
        if (session.handlePubrec(packetIdentifier, reasonCode, 0) !== undefined) {
          this.#acknowledge(writePubrel, packetIdentifier);
        }
        return;
      case "pubrel":
        session.release(packetIdentifier);
        this.#acknowledge(writePubcomp, packetIdentifier);
        return;
      case "pubcomp":
        session.handlePubcomp(packetIdentifier, 0);
    }
  }

  #acknowledge(write: typeof writePuback, packetIdentifier: number): void {
    const at = this.outbox.reserve(acknowledgementSize(0));
    write(this.outbox.staging, at, packetIdentifier, 0);
  }
}

class SimulatedServer {
  readonly session: ServerSession<TestMessage>;
  readonly delivered: { readonly text: string; readonly qos: number }[] = [];
  readonly observer = new SessionLadder();
  hasSession = false;

  constructor(maxInFlight: number) {
    const options = { maxQueuedMessages: 100_000, maxQueuedBytes: 1e9, maxInFlight };
    this.session = new ServerSession(options, this.observer);
  }

  publish(qos: 0 | 1 | 2, text: string): void {
    const payloadSource = encodeUtf8(text);
    const message = { ...testMessage("downwards"), payloadSource, payloadEnd: payloadSource.length };
    if (qos === 0) this.session.sendUnacknowledged(message, false, undefined, 0);
    else this.session.offer(new OutboundEntry(message, qos, false, undefined, undefined), 0);
  }
}

/** Both sides, and the bytes between them. */
class Simulation {
  readonly random: SeededRandom;
  readonly server: SimulatedServer;
  readonly client: ReferenceClient;
  readonly up: string[] = [];
  readonly down: string[] = [];
  breakCount = 0;
  #connection: SimulatedConnection | undefined;
  #toServer: number[] = [];
  #toClient: number[] = [];
  #isFirst = true;

  constructor(seed: number, version: ProtocolVersion) {
    this.random = new SeededRandom(seed);
    this.server = new SimulatedServer(this.random.pick([1, 3, 1000]));
    this.client = new ReferenceClient(version, this.random);
  }

  run(messages: number): void {
    while (this.up.length < messages || this.down.length < messages) this.#step(messages);
    // From now on the connection holds, and all comes to its end.
    if (this.#connection === undefined) this.#reconnect();
    for (let i = 0; i < 20_000 && !this.#isAtRest; i++) this.#move();
  }

  get #isAtRest(): boolean {
    const { session } = this.server;
    const isQuiet = this.#toServer.length === 0 && this.#toClient.length === 0 && !this.client.hasAnswers;
    return isQuiet && this.client.outgoingCount === 0 && session.inFlightCount === 0 && session.waitingCount === 0;
  }

  #step(messages: number): void {
    const dice = this.random.nextInteger(0, 99);
    if (dice < 15 && this.up.length < messages && this.client.canPublish) this.#publishUp();
    else if (dice < 30 && this.down.length < messages) this.#publishDown();
    else if (dice < 33) this.#break();
    else if (this.#connection === undefined) this.#reconnect();
    else if (dice < 36) this.#connection.isRoomy = false;
    else this.#move();
  }

  #publishUp(): void {
    const qos = this.random.pick([0, 1, 2] as const);
    const text = `${qos}:${this.up.length}`;
    this.up.push(text);
    this.client.publish(qos, text);
  }

  #publishDown(): void {
    const qos = this.random.pick([0, 1, 2] as const);
    const text = `${qos}:${this.down.length}`;
    this.down.push(text);
    this.server.publish(qos, text);
  }

  /** The connection is gone, and all that was under way with it. */
  #break(): void {
    if (this.#connection === undefined) return;
    this.breakCount++;
    this.#connection.core.close();
    this.#connection = undefined;
    this.server.session.detach();
    this.#toServer = [];
    this.#toClient = [];
  }

  #reconnect(): void {
    this.#connection = new SimulatedConnection(this.server);
    this.client.connect(this.#isFirst);
    this.#isFirst = false;
  }

  /** Some bytes move, in chunks of any size. */
  #move(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.client.answer(this.random.nextInteger(0, 3));
    this.#toServer.push(...this.client.takeTransmits());
    connection.core.receiveBytes(0, this.#some(this.#toServer));
    if (connection.failure !== undefined) throw new Error(connection.failure.message);
    if (!connection.isRoomy && this.random.chance(0.2)) {
      connection.isRoomy = true;
      this.server.session.pump(0);
    }
    connection.outbox.flush(connection.transport);
    this.#toClient.push(...connection.transport.take());
    this.client.receive(this.#some(this.#toClient));
  }

  #some(bytes: number[]): Uint8Array {
    return Uint8Array.from(bytes.splice(0, this.random.nextInteger(0, 40)));
  }
}

/** Long runs: `ISTHMUS_SIMULATION_SEEDS=5000 npx vitest run packages/mqtt/test/server-session-simulation.test.ts`. */
const SEEDS = Number(process.env["ISTHMUS_SIMULATION_SEEDS"] ?? 60);
/** To repeat a run, as it was printed. */
const FIRST_SEED = Number(process.env["ISTHMUS_SIMULATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

describe.each([3, 4, 5] as const)(
  "a client of protocol level %i whose connections break at random moments",
  (version) => {
    test(
      `QoS 2 exactly once, QoS 1 at least once, in order, and nothing stuck (seeds from ${FIRST_SEED})`,
      () => {
        let breaks = 0;
        for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
          const simulation = new Simulation(seed, version);
          simulation.run(60);
          breaks += simulation.breakCount;
          const { server, client, up, down } = simulation;
          const context = `seed ${seed}`;
          for (const [sent, delivered] of [
            [up, server.delivered],
            [down, client.delivered],
          ] as const) {
            const texts = (qos: number): string[] =>
              delivered.filter((each) => each.qos === qos).map(({ text }) => text);
            const wanted = (qos: number): string[] => sent.filter((text) => text.startsWith(`${qos}:`));
            expect(texts(2), context).toEqual(wanted(2));
            expect([...new Set(texts(1))], context).toEqual(wanted(1));
            // At most once.
            expect(new Set(texts(0)).size, context).toBe(texts(0).length);
          }
          expect([server.session.inFlightCount, server.session.waitingCount, client.outgoingCount], context).toEqual([
            0, 0, 0,
          ]);
          expect([...server.session.inbound()], context).toEqual([]);
        }
        console.log(`${SEEDS} seeds from ${FIRST_SEED}, protocol level ${version}: ${breaks} connections broke`);
        expect(breaks).toBeGreaterThan(SEEDS);
      },
      20_000 + SEEDS * 200,
    );
  },
);
