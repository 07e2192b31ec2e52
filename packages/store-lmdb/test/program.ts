import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LmdbStoreOptions } from "../src/index.js";

const PROGRAM = fileURLToPath(new URL("./store-program.ts", import.meta.url));

/** How a program is run. */
export interface ProgramSetting {
  readonly options?: LmdbStoreOptions;
  /** Put before it, for a shell to obey: `ulimit -f 1024`. */
  readonly shell?: string;
  /** The user that it runs as. */
  readonly uid?: number;
}

/** A process that has a store, see store-program.ts. */
export class StoreProgram {
  readonly #child: ChildProcess;
  readonly #whenEnded: Promise<unknown>;
  #lines: string[] = [""];
  #wake = Promise.withResolvers<void>();

  constructor(directory: string, mode: "hold" | "write", { options = {}, shell = ":", uid }: ProgramSetting = {}) {
    const args = [process.execPath, "--disable-warning=ExperimentalWarning", PROGRAM, directory, mode];
    this.#child = spawn("bash", ["-c", `${shell}; exec "$@"`, "bash", ...args, JSON.stringify(options)], {
      stdio: ["ignore", "pipe", "inherit"],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    this.#whenEnded = once(this.#child, "close");
    void this.#whenEnded.then(() => this.#wake.resolve());
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const [first = "", ...rest] = text.split("\n");
      this.#lines.push(`${this.#lines.pop() ?? ""}${first}`, ...rest);
      this.#wake.resolve();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The lines that it has printed. */
  get lines(): readonly string[] {
    return this.#lines.slice(0, -1);
  }

  /** The number of the last batch that it said was safe. */
  get acknowledged(): number {
    return Number(this.lines.findLast((line) => /^\d+$/.test(line)) ?? 0);
  }

  /** Resolves when `isDone`; rejects when it ends before. */
  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`it has ended:\n${this.#lines.slice(-5).join("\n")}`);
      }
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }

  /** Waits until it has ended by itself. @returns the last line that it printed. */
  async ended(): Promise<string> {
    await this.#whenEnded;
    return this.lines.at(-1) ?? "";
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#whenEnded;
  }
}
