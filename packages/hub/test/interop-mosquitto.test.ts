import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createHub, type Hub } from "../src/index.js";

// Debian's mosquitto_pub and mosquitto_sub, as processes of their own: real sockets and real time.
const isInstalled = ["mosquitto_pub", "mosquitto_sub"].every((name) => existsSync(`/usr/bin/${name}`));

/** -V as mosquitto's clients spell it. */
const VERSIONS = ["mqttv31", "mqttv311", "mqttv5"] as const;
const QOS = [0, 1, 2] as const;

let hub: Hub;
const children = new Set<ChildProcessByStdio<null, Readable, Readable>>();

class Program {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<number | null>;
  output = "";
  errors = "";

  constructor(name: "mosquitto_pub" | "mosquitto_sub", args: readonly string[]) {
    const { hostname, port } = new URL(hub.mqtt?.url ?? "");
    this.child = spawn(name, ["-h", hostname, "-p", port, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    children.add(this.child);
    this.child.stdout.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
    this.child.stderr.on("data", (chunk: Buffer) => (this.errors += chunk.toString()));
    this.#ended = new Promise((resolve) => this.child.on("close", resolve));
  }

  get lines(): string[] {
    return this.output.split("\n").filter((line) => line !== "");
  }

  /** Waits for its end, and says how it ended. */
  async end(): Promise<{ code: number | null; errors: string }> {
    const code = await this.#ended;
    children.delete(this.child);
    return { code, errors: this.errors };
  }
}

async function publish(...args: string[]): Promise<void> {
  const { code, errors } = await new Program("mosquitto_pub", args).end();
  expect([code, errors]).toEqual([0, ""]);
}

/** A subscriber that has its subscriptions; it ends after `count` messages. */
async function subscriber(count: number, ...args: string[]): Promise<Program> {
  const subscriptions = args.filter((arg) => arg === "-t").length;
  const before = hub.exchange.subscriptionCount;
  const program = new Program("mosquitto_sub", ["-v", "-C", String(count), "-W", "10", ...args]);
  await vi.waitFor(() => expect(hub.exchange.subscriptionCount).toBe(before + subscriptions), { timeout: 5000 });
  return program;
}

/** The lines of a subscriber that has got what it waited for. */
async function taken(program: Program): Promise<string[]> {
  expect(await program.end()).toEqual({ code: 0, errors: "" });
  return program.lines;
}

describe.runIf(isInstalled)("mosquitto's clients", () => {
  beforeAll(async () => {
    hub = await createHub({ mqtt: { port: 0 } });
  });
  afterEach(() => {
    for (const child of children) child.kill();
    children.clear();
  });
  afterAll(() => hub.close());

  // [MQTT-7.0.0-2] of MQTT 3.1.1
  test("the example: house/+/temperature and house/#", async () => {
    const temperatures = await subscriber(2, "-t", "house/+/temperature");
    const all = await subscriber(3, "-t", "house/#");
    await publish("-t", "house/living-room/temperature", "-m", "21");
    await publish("-t", "house/door", "-m", "open");
    await publish("-t", "house/kitchen/temperature", "-m", "23");
    expect(await taken(temperatures)).toEqual(["house/living-room/temperature 21", "house/kitchen/temperature 23"]);
    expect(await taken(all)).toEqual([
      "house/living-room/temperature 21",
      "house/door open",
      "house/kitchen/temperature 23",
    ]);
  });

  test.each(VERSIONS.flatMap((version) => QOS.map((qos) => [version, qos] as const)))(
    "%s at QoS %i, to subscribers of each version",
    async (version, qos) => {
      const topic = `q/${version}/${qos}`;
      const programs: Program[] = [];
      for (const each of VERSIONS) programs.push(await subscriber(2, "-V", each, "-q", String(qos), "-t", topic));
      await publish("-V", version, "-q", String(qos), "-t", topic, "-m", "first");
      await publish("-V", version, "-q", String(qos), "-t", topic, "-m", "second");
      for (const program of programs) expect(await taken(program)).toEqual([`${topic} first`, `${topic} second`]);
    },
  );

  test.each(VERSIONS)("a retained message greets a new subscriber and can be cleared, %s", async (version) => {
    const topic = `retained/${version}`;
    await publish("-V", version, "-r", "-q", "1", "-t", topic, "-m", "here");
    const program = new Program("mosquitto_sub", ["-V", version, "-C", "1", "-W", "5", "-t", topic, "-F", "%r %p"]);
    await program.end();
    expect(program.lines).toEqual(["1 here"]);
    await publish("-V", version, "-r", "-n", "-t", topic);
    const late = new Program("mosquitto_sub", ["-V", version, "-E", "-t", topic]);
    await late.end();
    expect(hub.exchange.retained.get(topic)).toBeUndefined();
  });

  test.each(VERSIONS)("a will is published when its client is killed, and not when it leaves, %s", async (version) => {
    const topic = `will/${version}`;
    const watcher = await subscriber(1, "-t", topic);
    const will = ["--will-topic", topic, "--will-payload", "lost", "--will-qos", "1", "--will-retain"];
    const leaving = await subscriber(1, "-V", version, ...will, "-t", `leaving/${version}`);
    await publish("-t", `leaving/${version}`, "-m", "go");
    await taken(leaving);
    const killed = await subscriber(1, "-V", version, ...will, "-t", `killed/${version}`);
    killed.child.kill("SIGKILL");
    expect(await taken(watcher)).toEqual([`${topic} lost`]);
    expect(hub.exchange.retained.get(topic)).toBeDefined();
  });

  test.each(VERSIONS)(
    "a persistent session collects what was published while its client was away, %s",
    async (version) => {
      const session = ["-V", version, "-c", "-i", `keeper-${version}`, "-q", "1", "-t", `kept/${version}`];
      await new Program("mosquitto_sub", ["-E", ...session]).end();
      for (const text of ["1", "2", "3"]) await publish("-q", "1", "-t", `kept/${version}`, "-m", text);
      const back = new Program("mosquitto_sub", ["-v", "-C", "3", "-W", "5", ...session]);
      expect(await taken(back)).toEqual(["1", "2", "3"].map((text) => `kept/${version} ${text}`));
    },
  );

  test("a large payload, and properties of MQTT 5.0", async () => {
    const before = hub.exchange.subscriptionCount;
    const program = new Program("mosquitto_sub", [
      "-V",
      "mqttv5",
      "-C",
      "1",
      "-W",
      "30",
      "-t",
      "p",
      "-F",
      "%C %R %D %P",
    ]);
    await vi.waitFor(() => expect(hub.exchange.subscriptionCount).toBeGreaterThan(before));
    const properties = ["-D", "publish", "content-type", "text/plain", "-D", "publish", "response-topic", "r"];
    const more = ["-D", "publish", "correlation-data", "id", "-D", "publish", "user-property", "k", "v"];
    await publish("-V", "mqttv5", "-t", "p", "-m", "x".repeat(100_000), ...properties, ...more);
    expect((await program.end()).errors).toBe("");
    expect(program.output).toContain("text/plain r id k:v");
  });

  test("a shared subscription divides the messages", async () => {
    const members = [await subscriber(5, "-t", "$share/s/jobs"), await subscriber(5, "-t", "$share/s/jobs")];
    for (let i = 0; i < 10; i++) await publish("-t", "jobs", "-m", String(i));
    const [first = [], second = []] = await Promise.all(members.map(taken));
    expect([first.length, second.length]).toEqual([5, 5]);
    expect(new Set([...first, ...second]).size).toBe(10);
  });

  test("thousands of lines in a row arrive in order", async () => {
    const program = await subscriber(2000, "-q", "1", "-t", "lines");
    const lines = Array.from({ length: 2000 }, (_, i) => String(i));
    const { hostname, port } = new URL(hub.mqtt?.url ?? "");
    const pub = spawn("mosquitto_pub", ["-h", hostname, "-p", port, "-q", "1", "-t", "lines", "-l"]);
    pub.stdin.end(`${lines.join("\n")}\n`);
    await new Promise((resolve) => pub.on("close", resolve));
    expect(await taken(program)).toEqual(lines.map((line) => `lines ${line}`));
  });
});
