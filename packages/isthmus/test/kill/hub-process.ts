import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../bin/isthmus.js", import.meta.url));

/** A hub in a process of its own, as a supervisor starts it: what was built. */
export class HubProcess {
  readonly #child: ChildProcess;
  readonly #whenEnded: Promise<unknown>;
  #output = "";

  constructor(dataDirectory: string) {
    const flags = ["--data", dataDirectory, "--mqtt-port", "0", "--http-port", "off", "--log-level", "error"];
    this.#child = spawn(process.execPath, [PROGRAM, "serve", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    this.#whenEnded = once(this.#child, "exit");
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    }
  }

  /** The port that it listens on. @throws Error with what it printed when it ends before it is ready. */
  async ready(): Promise<number> {
    while (!/^ready$/m.test(this.#output)) {
      if (this.#child.stdout === null) throw new Error("the hub has no output");
      const more = once(this.#child.stdout, "data");
      const isOver = await Promise.race([more.then(() => false), this.#whenEnded.then(() => true)]);
      if (isOver) throw new Error(`the hub has ended:\n${this.#output}`);
    }
    return Number(/mqtt:\/\/127\.0\.0\.1:(\d+)/.exec(this.#output)?.[1]);
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
