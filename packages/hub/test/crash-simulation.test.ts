import { MemoryStore, TABLES } from "@isthmus/exchange";
import { SeededRandom } from "@isthmus/machine";
import type { Transport, TransportListener } from "@isthmus/mqtt";
import { describe, expect, test } from "vitest";
import { ReferenceClient } from "../../mqtt/test/server-session-reference-client.js";
import { MemoryDoor } from "./memory-door.js";

/** A disk whose batches become safe in their own time, in order; a crash takes those that are not. */
class SlowDisk extends MemoryStore {
  readonly #batches: { readonly snapshot: MemoryStore; readonly stored: PromiseWithResolvers<void> }[] = [];
  #safe = new MemoryStore({ durability: "sync" });

  constructor(start?: MemoryStore) {
    super({ durability: "sync" });
    if (start === undefined) return;
    for (const table of TABLES) {
      for (const [key, value] of start.range(table, [])) this.put(table, key, value);
    }
    void super.commit();
    this.#safe = super.crash();
  }

  override commit(): Promise<void> | undefined {
    if (super.commit() === undefined) return undefined;
    const batch = { snapshot: super.crash(), stored: Promise.withResolvers<void>() };
    this.#batches.push(batch);
    return batch.stored.promise;
  }

  get isBusy(): boolean {
    return this.#batches.length > 0;
  }

  finishOne(): void {
    const batch = this.#batches.shift();
    if (batch === undefined) return;
    this.#safe = batch.snapshot;
    batch.stored.resolve();
  }

  /** What a process finds that starts after the machine has lost its power. */
  afterPowerLoss(): SlowDisk {
    return new SlowDisk(this.#safe);
  }
}

/** The wire between one client and the hub: bytes move when the simulation says so. */
class Wire implements Transport {
  readonly remoteAddress = "simulation";
  readonly bufferedBytes = 0;
  readonly client: ReferenceClient;
  readonly #toClient: number[] = [];
  readonly #toHub: number[] = [];
  #listener: TransportListener | undefined;
  isEnded = false;

  constructor(client: ReferenceClient) {
    this.client = client;
  }

  get isQuiet(): boolean {
    return this.#toClient.length === 0 && this.#toHub.length === 0 && !this.client.hasAnswers;
  }

  move(random: SeededRandom): void {
    this.client.answer(random.nextInteger(0, 3));
    this.#toHub.push(...this.client.takeTransmits());
    const up = Uint8Array.from(this.#toHub.splice(0, random.nextInteger(0, 60)));
    if (up.length > 0) this.#listener?.receiveBytes(up);
    this.client.receive(Uint8Array.from(this.#toClient.splice(0, random.nextInteger(0, 60))));
    if (this.isEnded) throw new Error("the hub has closed the connection");
  }

  break(): void {
    this.#listener?.handleClose(undefined);
    this.#listener = undefined;
  }

  open(listener: TransportListener): void {
    this.#listener = listener;
  }

  write(bytes: Uint8Array): boolean {
    this.#toClient.push(...bytes);
    return true;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    for (const part of parts) this.write(part);
    return true;
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.isEnded = true;
    setImmediate(() => this.break());
  }

  destroy(): void {
    this.end();
  }
}

/** A publisher and a subscriber whose sessions last, and a hub that loses power at random moments. */
class Simulation {
  readonly random: SeededRandom;
  readonly publisher: ReferenceClient;
  readonly subscriber: ReferenceClient;
  readonly sent: string[] = [];
  crashCount = 0;
  #disk = new SlowDisk();
  #door = this.#start();
  readonly #wires = new Map<ReferenceClient, Wire>();

  constructor(seed: number, version: 4 | 5) {
    this.random = new SeededRandom(seed);
    this.publisher = new ReferenceClient(version, this.random, "publisher");
    this.subscriber = new ReferenceClient(version, this.random, "subscriber", "up");
  }

  async run(messages: number): Promise<void> {
    for (const client of this.#clients) this.#connect(client, true);
    // Both have their sessions before anything goes wrong.
    while (!this.#isAtRest || !this.subscriber.isSubscribed) await this.#move();
    while (this.sent.length < messages) await this.#step();
    for (const client of this.#clients) if (!this.#wires.has(client)) this.#connect(client, false);
    for (let i = 0; i < 5000 && !this.#isAtRest; i++) await this.#move();
    await this.#door.close();
  }

  get #clients(): ReferenceClient[] {
    return [this.publisher, this.subscriber];
  }

  get #isAtRest(): boolean {
    const isQuiet = [...this.#wires.values()].every((wire) => wire.isQuiet);
    return isQuiet && !this.#disk.isBusy && this.publisher.outgoingCount === 0;
  }

  #start(): MemoryDoor {
    return new MemoryDoor({ exchange: { store: this.#disk }, hasLog: false });
  }

  #connect(client: ReferenceClient, isFirst: boolean): void {
    const wire = new Wire(client);
    this.#wires.set(client, wire);
    this.#door.door.open(wire, "simulation");
    client.connect(isFirst);
  }

  async #step(): Promise<void> {
    const dice = this.random.nextInteger(0, 99);
    const client = this.random.pick(this.#clients);
    if (dice < 20) this.#publish();
    else if (dice < 22) this.#loseConnection(client);
    else if (dice < 24) this.#losePower();
    else if (dice < 40 && !this.#wires.has(client)) this.#connect(client, false);
    else await this.#move();
  }

  #publish(): void {
    if (!this.publisher.canPublish) return;
    const qos = this.random.pick([1, 2] as const);
    const text = `${qos}:${this.sent.length}`;
    this.sent.push(text);
    this.publisher.publish(qos, text);
  }

  #loseConnection(client: ReferenceClient): void {
    this.#wires.get(client)?.break();
    this.#wires.delete(client);
  }

  #losePower(): void {
    this.crashCount++;
    // The process is gone: nothing that it does any more is heard or kept.
    this.#wires.clear();
    this.#disk = this.#disk.afterPowerLoss();
    this.#door = this.#start();
  }

  async #move(): Promise<void> {
    if (this.random.chance(0.4)) this.#disk.finishOne();
    for (const wire of this.#wires.values()) wire.move(this.random);
    // The hub does what it has put off to the end of the turn, and to the end of a batch.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Long runs: `ISTHMUS_SIMULATION_SEEDS=2000 npx vitest run packages/hub/test/crash-simulation.test.ts`. */
const SEEDS = Number(process.env["ISTHMUS_SIMULATION_SEEDS"] ?? 25);
/** To repeat a run, as it was printed. */
const FIRST_SEED = Number(process.env["ISTHMUS_SIMULATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

describe.each([4, 5] as const)("a hub that loses power at random moments, protocol level %i", (version) => {
  test(
    `acknowledged means stored: QoS 2 exactly once, QoS 1 at least once (seeds from ${FIRST_SEED})`,
    async () => {
      let crashes = 0;
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        const simulation = new Simulation(seed, version);
        await simulation.run(60);
        crashes += simulation.crashCount;
        const { sent, subscriber, publisher } = simulation;
        const heard = (qos: number): string[] =>
          subscriber.delivered.map(({ text }) => text).filter((text) => text.startsWith(`${qos}:`));
        const wanted = (qos: number): string[] => sent.filter((text) => text.startsWith(`${qos}:`));
        expect(heard(2), `seed ${seed}`).toEqual(wanted(2));
        expect(new Set(heard(1)), `seed ${seed}`).toEqual(new Set(wanted(1)));
        expect(publisher.outgoingCount, `seed ${seed}`).toBe(0);
      }
      console.log(`${SEEDS} seeds from ${FIRST_SEED}, protocol level ${version}: power was lost ${crashes} times`);
      expect(crashes).toBeGreaterThan(SEEDS / 2);
    },
    20_000 + SEEDS * 1000,
  );
});
