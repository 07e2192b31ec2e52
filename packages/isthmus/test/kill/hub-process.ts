import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../bin/isthmus.js", import.meta.url));

/** Where a hub listens. */
export interface HubUrls {
  readonly mqttPort: number;
  readonly coap: string;
  readonly http: string;
}

/** A hub in a process of its own, as a supervisor starts it: what was built. */
export class HubProcess {
  readonly #child: ChildProcess;
  readonly #whenEnded: Promise<unknown>;
  #output = "";

  constructor(dataDirectory: string) {
    const ports = ["--mqtt-port", "0", "--coap-port", "0", "--http-port", "0"];
    const flags = ["--data", dataDirectory, ...ports, "--log-level", "error"];
    this.#child = spawn(process.execPath, [PROGRAM, "serve", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    this.#whenEnded = once(this.#child, "exit");
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    }
  }

  /** Where its doors are, once they are open. @throws Error with what it printed when it ends before. */
  async ready(): Promise<HubUrls> {
    while (!/^ready$/m.test(this.#output)) {
      if (this.#child.stdout === null) throw new Error("the hub has no output");
      const more = once(this.#child.stdout, "data");
      const isOver = await Promise.race([more.then(() => false), this.#whenEnded.then(() => true)]);
      if (isOver) throw new Error(`the hub has ended:\n${this.#output}`);
    }
    const mqtt = this.#url("mqtt");
    return { mqttPort: Number(new URL(mqtt).port), coap: this.#url("coap"), http: this.#url("http") };
  }

  #url(scheme: string): string {
    const [url] = new RegExp(`${scheme}://127\\.0\\.0\\.1:\\d+`).exec(this.#output) ?? [];
    if (url === undefined) throw new Error(`the hub has no ${scheme} door:\n${this.#output}`);
    return url;
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#whenEnded;
  }

  /** Ends it in order. @returns its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    await this.#whenEnded;
    return this.#child.exitCode;
  }
}
