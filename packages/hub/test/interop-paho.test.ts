import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findProgram } from "@isthmus/testing/peers";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createHub, type Hub } from "../src/index.js";

// Eclipse Paho's clients in Python and C, as processes of their own: real sockets and real time.
let hub: Hub;
const programs: Program[] = [];
beforeAll(async () => {
  hub = await createHub({ mqtt: { port: 0 }, http: { port: 0 }, sys: { intervalMs: 0 } });
});
afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop();
});
afterAll(() => hub.close());

/** How long anything may take on a busy machine. */
const PATIENCE_MS = 20_000;

/** A client of others, whose output is read line by line. */
class Program {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  readonly lines: string[] = [];
  errors = "";

  constructor(path: string, args: readonly string[]) {
    this.child = spawn(path, args);
    createInterface(this.child.stdout).on("line", (line) => this.lines.push(line));
    this.child.stderr.on("data", (chunk: Buffer) => (this.errors += chunk.toString()));
    this.ended = new Promise((resolve) => this.child.on("close", resolve));
    programs.push(this);
  }

  async until(condition: () => boolean): Promise<void> {
    await vi.waitFor(() => expect([condition(), this.lines, this.errors]).toEqual([true, this.lines, this.errors]), {
      timeout: PATIENCE_MS,
      interval: 5,
    });
  }

  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}

function portOf(way: string): number {
  return Number(new URL((way === "tcp" ? hub.mqtt : hub.http)?.url ?? "").port);
}

const LEVELS = [3, 4, 5] as const;
const QOS = [0, 1, 2] as const;

/** Debian's own: another one on the path does not know Debian's packages. */
const PYTHON = "/usr/bin/python3";
const PAHO = "/usr/lib/python3/dist-packages/paho/mqtt/client.py";
const isPahoInstalled = existsSync(PYTHON) && existsSync(PAHO);
if (!isPahoInstalled && process.env["CI"]) throw new Error(`${PAHO} is missing, and CI leaves no interop test out`);
const SCRIPT = fileURLToPath(new URL("./peers/paho-client.py", import.meta.url));

type Event = { readonly event: string; readonly [name: string]: unknown };

/** Paho's Python client. */
class PythonClient {
  readonly program = new Program(PYTHON, [SCRIPT]);
  readonly #taken = new Set<number>();

  static async connect(version: 3 | 4 | 5, rest: object = {}, way = "tcp"): Promise<PythonClient> {
    const client = new PythonClient();
    client.send({ do: "connect", version, transport: way, port: portOf(way), ...rest });
    expect((await client.next("connected"))["code"]).toBe(0);
    return client;
  }

  send(command: object): void {
    this.program.child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** The next event of its kind that was not taken yet. */
  async next(kind: string): Promise<Event> {
    // Each line of the script is an event.
    const events = (): Event[] => this.program.lines.map((line) => JSON.parse(line) as Event);
    const find = (): number => events().findIndex(({ event }, i) => event === kind && !this.#taken.has(i));
    await this.program.until(() => find() !== -1);
    const index = find();
    this.#taken.add(index);
    return events()[index] ?? { event: kind };
  }

  async subscribe(topic: string, qos: number): Promise<unknown> {
    this.send({ do: "subscribe", topic, qos });
    return (await this.next("subscribed"))["codes"];
  }

  async publish(topic: string, text: string, rest: object = {}): Promise<void> {
    this.send({ do: "publish", topic, text, qos: 1, ...rest });
    await this.next("published");
  }
}

describe.runIf(isPahoInstalled)("Paho for Python", () => {
  describe.each(["tcp", "websockets"])("over %s", (way) => {
    test.each(LEVELS)("publishes and subscribes at every QoS, protocol level %i", async (version) => {
      const client = await PythonClient.connect(version, { clientId: `py-${way}-${version}` }, way);
      expect(await client.subscribe("py/#", 2)).toEqual([2]);
      for (const qos of QOS) {
        await client.publish(`py/${qos}`, `q${qos}`, { qos });
        const message = await client.next("message");
        expect(message).toMatchObject({ topic: `py/${qos}`, text: `q${qos}`, qos, retain: false });
      }
      client.send({ do: "unsubscribe", topic: "py/#" });
      await client.next("unsubscribed");
      client.send({ do: "disconnect" });
      expect((await client.next("disconnected"))["code"]).toBe(0);
    });

    test.each([4, 5] as const)("gets retained messages and wills, protocol level %i", async (version) => {
      const retaining = await PythonClient.connect(version, { clientId: `retaining-${version}` }, way);
      await retaining.publish(`kept/${way}/${version}`, "kept", { retain: true });
      const will = { topic: `kept/${way}/${version}/will`, text: "gone", qos: 1, retain: false };
      const doomed = await PythonClient.connect(version, { clientId: `doomed-${version}`, will }, way);
      const watcher = await PythonClient.connect(version, { clientId: `watcher-${version}` }, way);
      await watcher.subscribe(`kept/${way}/${version}/#`, 1);
      expect(await watcher.next("message")).toMatchObject({ text: "kept", retain: true });
      doomed.send({ do: "break" });
      expect(await watcher.next("message")).toMatchObject({ text: "gone", retain: false });
    });
  });

  test.each([4, 5] as const)("comes back to its session, protocol level %i", async (version) => {
    const properties = version === 5 ? { SessionExpiryInterval: 60 } : undefined;
    const connect = { clientId: `back-${version}`, options: { clean: false, properties } };
    const client = await PythonClient.connect(version, connect);
    await client.subscribe("missed", 2);
    client.send({ do: "disconnect" });
    await client.next("disconnected");
    const publisher = await PythonClient.connect(version);
    for (const qos of [1, 2]) await publisher.publish("missed", `q${qos}`, { qos });
    const back = new PythonClient();
    back.send({ do: "connect", version, transport: "tcp", port: portOf("tcp"), ...connect });
    expect(await back.next("connected")).toMatchObject({ code: 0, present: 1 });
    for (const qos of [1, 2]) expect(await back.next("message")).toMatchObject({ text: `q${qos}`, qos });
  });

  test("has its properties of MQTT 5.0, and reason codes", async () => {
    const options = { properties: { RequestResponseInformation: 1 } };
    const client = new PythonClient();
    client.send({ do: "connect", version: 5, transport: "tcp", port: portOf("tcp"), clientId: "props", options });
    const { properties: connack } = await client.next("connected");
    expect(connack).toMatchObject({ ResponseInformation: "responses/props" });
    await client.subscribe("props/#", 2);
    const properties = {
      PayloadFormatIndicator: 1,
      ContentType: "text/plain",
      ResponseTopic: "answers",
      CorrelationData: "c7",
      MessageExpiryInterval: 100,
      UserProperty: [
        ["b", "1"],
        ["a", "2"],
        ["b", "3"],
      ],
    };
    for (const qos of QOS) {
      await client.publish("props/long/topic", `q${qos}`, { qos, properties });
      const message = await client.next("message");
      expect(message).toMatchObject({ topic: "props/long/topic", text: `q${qos}`, qos });
      expect(message["properties"]).toMatchObject({ ContentType: "text/plain", ResponseTopic: "answers" });
      expect(message["properties"]).toMatchObject({
        UserProperty: properties.UserProperty,
        MessageExpiryInterval: 100,
      });
    }
    // More levels than the hub takes; what is no filter at all Paho does not send.
    expect(await client.subscribe("l/".repeat(200), 0)).toEqual([0x8f]);
  });
});

const cPublisher = findProgram("paho_c_pub");
const cSubscriber = findProgram("paho_c_sub");
const blockingPublisher = findProgram("paho_cs_pub");
const blockingSubscriber = findProgram("paho_cs_sub");

describe.runIf(cPublisher !== undefined)("Paho for C", () => {
  const WAYS = {
    tcp: () => `tcp://127.0.0.1:${portOf("tcp")}`,
    websockets: () => `ws://127.0.0.1:${portOf("websockets")}/mqtt`,
  } as const;
  const APIS = { asynchronous: [cPublisher, cSubscriber], blocking: [blockingPublisher, blockingSubscriber] } as const;
  type Api = keyof typeof APIS;

  async function publish(api: Api, way: keyof typeof WAYS, ...args: readonly string[]): Promise<void> {
    const program = new Program(APIS[api][0] ?? "", ["-c", WAYS[way](), ...args]);
    program.child.stdin.end();
    expect([await program.ended, program.errors]).toEqual([0, ""]);
  }

  /** A subscriber that has its subscription. */
  async function subscriber(api: Api, way: keyof typeof WAYS, ...args: readonly string[]): Promise<Program> {
    const before = hub.exchange.subscriptionCount;
    const program = new Program("stdbuf", ["-oL", APIS[api][1] ?? "", "-c", WAYS[way](), ...args]);
    await program.until(() => hub.exchange.subscriptionCount === before + 1);
    return program;
  }

  test.each([
    ["asynchronous", "tcp", "31"],
    ["asynchronous", "tcp", "311"],
    ["asynchronous", "tcp", "5"],
    ["asynchronous", "websockets", "5"],
    ["blocking", "tcp", "5"],
    ["blocking", "websockets", "311"],
  ] as const)("%s, over %s, -V %s: publishes and subscribes at every QoS", async (api, way, level) => {
    const topic = `c/${api}/${way}/${level}`;
    const heard = await subscriber(api, way, "-V", level, "-i", "sub", "-q", "2", "-t", topic);
    for (const qos of ["0", "1", "2"]) {
      await publish(api, way, "-V", level, "-i", "pub", "-q", qos, "-t", topic, "-m", `q${qos}`);
      await heard.until(() => heard.lines.some((line) => line.includes(`q${qos}`)));
    }
    heard.child.kill("SIGINT");
    expect(await heard.ended).toBe(0);
  });

  test.each(["311", "5"])("-V %s: retained messages and a will", async (level) => {
    await publish("asynchronous", "tcp", "-V", level, "-r", "-t", `c/kept/${level}`, "-m", "kept");
    const heard = await subscriber("asynchronous", "tcp", "-V", level, "-i", "sub", "-t", `c/kept/${level}/#`);
    await heard.until(() => heard.lines.some((line) => line.endsWith("kept")));
    const will = ["--will-topic", `c/kept/${level}/will`, "--will-payload", "gone", "--will-qos", "1"];
    const doomed = await subscriber("asynchronous", "tcp", "-V", level, "-i", "doomed", "-t", "c/other", ...will);
    await doomed.stop();
    await heard.until(() => heard.lines.some((line) => line.endsWith("gone")));
  });

  test.runIf(isPahoInstalled)("-V 5: user property and message expiry", async () => {
    const heard = await PythonClient.connect(5, { clientId: "reader" });
    await heard.subscribe("c/props", 1);
    const properties = ["--user-property", "k", "v", "--message-expiry", "60"];
    await publish("asynchronous", "tcp", "-V", "5", "-q", "1", ...properties, "-t", "c/props", "-m", "x");
    const message = await heard.next("message");
    expect(message["properties"]).toMatchObject({ UserProperty: [["k", "v"]], MessageExpiryInterval: 60 });
  });
});
