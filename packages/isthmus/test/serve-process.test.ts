import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, connect } from "@isthmus/mqtt";
import { hashPassword } from "@isthmus/hub/passwords";
import { afterEach, describe, expect, test } from "vitest";

const PROGRAM = fileURLToPath(new URL("../bin/isthmus.js", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "isthmus-serve-"));
const file = path.join(folder, "isthmus.yaml");

/** A hub in a process of its own, and what it prints. */
class ServeProcess {
  readonly #child: ChildProcess;
  #printed = "";
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, [PROGRAM, "serve", ...args], { env: { ...process.env, ...environment } });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#printed += chunk.toString();
        for (const look of this.#waiting) look();
      });
    }
  }

  /** What `pattern` matches in all that was printed, as soon as it does. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#printed);
      if (found !== null) return found;
      if (this.#child.exitCode !== null) throw new Error(`it ended without ${String(pattern)}:\n${this.#printed}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** The URL of the first MQTT listener. */
  async url(name = "mqtt"): Promise<string> {
    const [, url = ""] = await this.printed(new RegExp(`^${name} +(mqtt\\S+)[^]*ready\\n`, "m"));
    return url;
  }

  /** Sends SIGHUP. @returns the line that says what came of it. */
  async reload(): Promise<string> {
    this.#printed = "";
    this.hangUp();
    const [line] = await this.printed(/.*configuration (not )?reloaded.*\n/);
    return line;
  }

  hangUp(): void {
    this.#child.kill("SIGHUP");
  }

  /** Its exit code, once it has ended. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
    return this.#child.exitCode;
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.ended();
  }
}

const processes: ServeProcess[] = [];
const clients: Client[] = [];

function serve(config: string, ...args: readonly string[]): ServeProcess {
  writeFileSync(file, config);
  const started = new ServeProcess(["--config", file, ...args]);
  processes.push(started);
  return started;
}

async function join(url: string, options: Parameters<typeof connect>[1] = {}): Promise<Client> {
  const client = await connect(url, { reconnect: false, ...options });
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const started of processes.splice(0)) await started.stop();
});

process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const BASE = "data: memory\nlisteners:\n  - { type: mqtt, port: 0 }\n";

describe("SIGHUP", () => {
  test("takes over rules, and nobody is disconnected", async () => {
    const hub = serve(`${BASE}access: { rules: [{ allow: readwrite, topics: ["a/#"] }] }\n`);
    const client = await join(await hub.url());
    const messages = await client.subscribe("a/#");
    await expect(client.publish("b", "x", { qos: 1 })).rejects.toThrow();
    writeFileSync(file, `${BASE}access: { rules: [{ allow: readwrite, topics: ["#"] }] }\n`);
    expect(await hub.reload()).toContain("configuration reloaded");
    await client.publish("b", "x", { qos: 1 });
    await client.publish("a/1", "still here", { qos: 1 });
    for await (const message of messages) {
      expect(message.text()).toBe("still here");
      break;
    }
  });

  test("a configuration that cannot be used changes nothing, and the log says why", async () => {
    const hub = serve(`${BASE}access: { rules: [{ allow: readwrite, topics: ["a/#"] }] }\n`);
    const client = await join(await hub.url());
    for (const [wrong, reason] of [
      ["limits: {max_in_flght: 3}", "max_in_flght: there is no such setting"],
      ['access: {rules: [{allow: read, topics: ["#/a"]}]}', "#/a"],
      ["access: {sources: [{type: passwords, file: nowhere}]}", "nowhere"],
      ["listeners: [{type: mqtt, port: 0, host: 192.0.2.1}]\naccess: {allow_anonymous: true}", "192.0.2.1"],
    ] as const) {
      writeFileSync(file, wrong);
      const line = await hub.reload();
      expect(line).toContain("configuration not reloaded: all stays as it was");
      expect(line).toContain(reason);
      await client.publish("a/1", "x", { qos: 1 });
      await expect(client.publish("b", "x", { qos: 1 })).rejects.toThrow();
    }
  });

  test("opens and closes listeners; who is connected stays", async () => {
    const hub = serve(BASE);
    const url = await hub.url();
    const client = await join(url);
    writeFileSync(file, BASE.replace("type: mqtt,", "type: http, host: 127.0.0.1,"));
    await hub.reload();
    await client.publish("a", "still connected", { qos: 1 });
    await expect(join(url)).rejects.toThrow();
    writeFileSync(file, BASE);
    await hub.reload();
    await client.publish("a", "still connected", { qos: 1 });
  });

  test("takes over users and limits, and names what waits for the next start", async () => {
    const users = path.join(folder, "users");
    writeFileSync(users, `anna:${await hashPassword("secret", 10)}\n`);
    const hub = serve(BASE);
    const url = await hub.url();
    const before = await join(url);
    const access = "access: {allow_anonymous: true, sources: [{type: passwords, file: users}]}";
    writeFileSync(file, `${BASE}${access}\nlimits: {max_connections: 1, poll_ms: 0}\nlog: {format: text}\n`);
    expect(await hub.reload()).toMatch(/1 user of .*anyone on this machine/);
    const [line] = await hub.printed(/.*wait for the next start.*/);
    expect(line).toContain('"settings":["limits.poll_ms","log.format"]');
    await before.publish("a", "still connected", { qos: 1 });
    await expect(join(url, { username: "anna", password: "secret" })).rejects.toThrow();
    writeFileSync(file, `${BASE}${access}\n`);
    await hub.reload();
    await join(url, { username: "anna", password: "secret" });
    await expect(join(url, { username: "anna", password: "wrong" })).rejects.toThrow();
  });
});

test("without a configuration, SIGHUP ends it as SIGTERM does", async () => {
  const started = new ServeProcess(["--memory", "--mqtt-port", "0", "--http-port", "off", "--coap-port", "off"]);
  processes.push(started);
  await started.printed(/ready\n/);
  started.hangUp();
  expect(await started.ended()).toBe(0);
});
