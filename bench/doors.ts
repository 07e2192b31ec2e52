// Measures what a message takes from one door of the hub to another, and to 1,000 CoAP observers. README.md tells how.
import { spawnSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Code, decodeDatagram, encodeDatagram, MessageType, Option, Options } from "@isthmus/coap/codec";
import { type Client, connect } from "@isthmus/mqtt";
import { Child, PLACEMENT } from "./processes.ts";

const CLI = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "packages", "isthmus", "bin", "isthmus.js");
const WARM_UP = 500;
const MESSAGES = 3000;
const OBSERVERS = 1000;
const ROUNDS = 50;
const START_MS = 20_000;
const TOPIC = "bench/doors";
const PAYLOAD = new Uint8Array(64).fill(0x78);

/** A CoAP client of one socket that speaks datagrams, so that as little as possible of it is measured. */
class CoapPeer {
  readonly #socket: Socket;
  #messageId = 0;
  handleNotification: () => void = () => undefined;
  #handleResponse: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (bytes) => {
      const { type, messageId, code, options } = decodeDatagram(bytes);
      if (type === MessageType.CON) this.#send(MessageType.ACK, messageId, Code.EMPTY, Options.NONE);
      if (code === Code.CONTENT && options.has(Option.OBSERVE) && this.isObserving) this.handleNotification();
      else this.#handleResponse();
    });
  }

  isObserving = false;

  static async open(port: number): Promise<CoapPeer> {
    const socket = createSocket("udp4");
    socket.connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new CoapPeer(socket);
  }

  /** Observes the topic; notifications come as the registration does. */
  async observe(type: MessageType): Promise<void> {
    await this.#ask(type, Code.GET, [[Option.OBSERVE, 0]]);
    this.isObserving = true;
  }

  /** Publishes a message, as an event. */
  put(): Promise<void> {
    return this.#ask(MessageType.CON, Code.POST, [], PAYLOAD);
  }

  close(): void {
    this.#socket.close();
  }

  #ask(
    type: MessageType,
    code: number,
    options: readonly (readonly [number, number])[],
    payload?: Uint8Array,
  ): Promise<void> {
    const path = ["t", ...TOPIC.split("/")].map((segment) => [Option.URI_PATH, segment] as const);
    return new Promise((resolve) => {
      this.#handleResponse = resolve;
      this.#send(type, ++this.#messageId & 0xffff, code, Options.of(...options, ...path), payload);
    });
  }

  #send(
    type: MessageType,
    messageId: number,
    code: number,
    options: Options,
    payload: Uint8Array = new Uint8Array(),
  ): void {
    const token = code === Code.EMPTY ? new Uint8Array() : Uint8Array.of(1);
    this.#socket.send(encodeDatagram({ type, messageId, code, token, options, payload }));
  }
}

/** Sends a message, waits until it has come out, and so on. @returns milliseconds of each. */
async function measure(send: () => unknown, whenReceived: (handle: () => void) => void): Promise<number[]> {
  const times: number[] = [];
  let handleReceived = (): void => undefined;
  whenReceived(() => handleReceived());
  for (let count = 0; count < WARM_UP + MESSAGES; count++) {
    const received = new Promise<void>((resolve) => (handleReceived = resolve));
    const startedAt = performance.now();
    await Promise.all([send(), received]);
    if (count >= WARM_UP) times.push(performance.now() - startedAt);
  }
  return times;
}

/** Calls `handle` for each message that `client` gets. */
async function listen(client: Client, handle: () => void): Promise<void> {
  for await (const _message of await client.subscribe(TOPIC)) handle();
}

function percentile(times: readonly number[], share: number): string {
  const sorted = times.toSorted((a, b) => a - b);
  return `${((sorted[Math.floor(sorted.length * share)] ?? 0) * 1000).toFixed(0)} µs`;
}

function row(name: string, times: readonly number[]): void {
  console.log(`| ${name} | ${percentile(times, 0.5)} | ${percentile(times, 0.99)} |`);
}

async function compareDoors(mqttUrl: string, coapPort: number): Promise<void> {
  console.log("| from → to | median | 99th percentile |\n| --- | --- | --- |");
  const publisher = await connect(mqttUrl);
  const subscriber = await connect(mqttUrl);
  const putter = await CoapPeer.open(coapPort);
  let handleMessage = (): void => undefined;
  const listening = listen(subscriber, () => handleMessage());
  const onMqtt = (handle: () => void): void => void (handleMessage = handle);
  row("MQTT → MQTT", await measure(() => publisher.publish(TOPIC, PAYLOAD), onMqtt));
  row("CoAP POST → MQTT, acknowledged", await measure(() => putter.put(), onMqtt));
  row("MQTT QoS 1 → MQTT, acknowledged", await measure(() => publisher.publish(TOPIC, PAYLOAD, { qos: 1 }), onMqtt));
  await subscriber.close();
  await listening;
  for (const [name, type] of [
    ["Non-confirmable", MessageType.NON],
    ["Confirmable", MessageType.CON],
  ] as const) {
    const observer = await CoapPeer.open(coapPort);
    await observer.observe(type);
    const onCoap = (handle: () => void): void => void (observer.handleNotification = handle);
    row(`MQTT → CoAP observer, ${name}`, await measure(() => publisher.publish(TOPIC, PAYLOAD), onCoap));
    row(`CoAP POST → CoAP observer, ${name}`, await measure(() => putter.put(), onCoap));
    observer.close();
  }
  putter.close();
  await publisher.close();
}

/** From publishing by MQTT until the last of all observers has been told. */
async function measureObservers(mqttUrl: string, coapPort: number, type: MessageType, hub: Child): Promise<void> {
  const publisher = await connect(mqttUrl);
  const observers: CoapPeer[] = [];
  for (let count = 0; count < OBSERVERS; count++) {
    const observer = await CoapPeer.open(coapPort);
    await observer.observe(type);
    observers.push(observer);
  }
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    let missing = OBSERVERS;
    const told = new Promise<void>((resolve) => {
      for (const observer of observers) observer.handleNotification = () => --missing === 0 && resolve();
    });
    const startedAt = performance.now();
    await publisher.publish(TOPIC, PAYLOAD);
    await told;
    times.push(performance.now() - startedAt);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const median = sorted[ROUNDS >> 1] ?? 0;
  const rate = Math.round((OBSERVERS * 1000) / median).toLocaleString("en");
  const name = type === MessageType.CON ? "Confirmable" : "Non-confirmable";
  const worst = (sorted.at(-1) ?? 0).toFixed(1);
  console.log(`| ${name} | ${median.toFixed(1)} ms | ${worst} ms | ${rate} | ${residentMegabytes(hub.pid)} MB |`);
  for (const observer of observers) observer.close();
  await publisher.close();
}

function residentMegabytes(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1000);
}

const flags = [
  "serve",
  "--memory",
  "--mqtt-port",
  "0",
  "--coap-port",
  "0",
  "--http-port",
  "off",
  "--log-level",
  "error",
];
const ending = new AbortController();
process.once("SIGINT", () => ending.abort());

/** A hub of its own for each table, so that one does not bear the other's load. */
async function withHub(use: (mqttUrl: string, coapPort: number, hub: Child) => Promise<void>): Promise<void> {
  const hub = new Child(0, process.execPath, [CLI, ...flags]);
  try {
    const [, mqttUrl = ""] = await hub.waitFor(/^mqtt\s+(\S+)/m, START_MS, ending.signal);
    const [, coapPort] = await hub.waitFor(/^coap\s+coap:\S+:(\d+)[^]*^ready/m, START_MS, ending.signal);
    await use(mqttUrl, Number(coapPort), hub);
  } finally {
    await hub.stop();
  }
}

// What measures takes the core that the hub leaves; without taskset nothing is pinned.
spawnSync("taskset", ["-a", "-c", "-p", "1", String(process.pid)]);
console.log(`${PLACEMENT}\n`);
await withHub(compareDoors);
console.log(
  `\n| ${OBSERVERS} observers | median until the last | worst | notifications/s | hub |\n| --- | --- | --- | --- | --- |`,
);
for (const type of [MessageType.NON, MessageType.CON]) {
  await withHub((mqttUrl, coapPort, hub) => measureObservers(mqttUrl, coapPort, type, hub));
}
