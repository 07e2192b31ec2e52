import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/** How long a process may take to end after SIGTERM. */
const STOP_MS = 5000;

/** What is kept of a process's error output, for the message when it fails. */
const KEPT_ERROR_LENGTH = 2000;

/** Which core a process is pinned to: the broker has one, the generator another. */
export type Core = 0 | 1;

/** Pinning needs taskset and two cores. */
const canPin = availableParallelism() >= 2 && spawnSync("taskset", ["--version"]).status === 0;

/** How processes are placed, for the report. */
export const PLACEMENT = canPin ? "broker on core 0, generator on core 1" : "not pinned: no taskset, or one core";

/** Every process that was started and has not ended. */
const running = new Set<ChildProcess>();

// Whatever ends this process, nothing of what it started stays.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A process that this one has started, and will end. */
export class Child {
  readonly pid: number;
  readonly startedAt = performance.now();
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  readonly #name: string;
  #output = "";
  #errorOutput = "";
  #onOutput: (() => void) | undefined;

  constructor(core: Core | undefined, command: string, args: readonly string[]) {
    this.#name = command;
    const [file, allArgs] =
      canPin && core !== undefined ? ["taskset", ["-c", String(core), command, ...args]] : [command, [...args]];
    this.#child = spawn(file, allArgs, { stdio: ["ignore", "pipe", "pipe"] });
    running.add(this.#child);
    this.#ended = this.#watchEnd();
    // taskset becomes the command, so the process id is the command's own.
    this.pid = this.#child.pid ?? 0;
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#output += text;
      this.#onOutput?.();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errorOutput = (this.#errorOutput + text).slice(-KEPT_ERROR_LENGTH);
    });
  }

  /** Waits until its output matches. @throws Error when it ends before, or after `timeoutMs`. */
  async waitFor(pattern: RegExp, timeoutMs: number, signal: AbortSignal): Promise<RegExpExecArray> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match) return match;
      if (this.#hasEnded) throw this.#failure("ended before it was ready");
      if (deadline.aborted) throw this.#failure(`has not written ${pattern} within ${timeoutMs} ms`);
      await new Promise<void>((resolve) => {
        this.#onOutput = resolve;
        deadline.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  /** Waits for its end. @returns its output. @throws Error when it fails or takes longer than `timeoutMs`. */
  async end(timeoutMs: number, signal: AbortSignal): Promise<string> {
    const over = new AbortController();
    const timeout = delay(timeoutMs, "timeout", { signal: AbortSignal.any([signal, over.signal]) }).catch(() => "over");
    const outcome = await Promise.race([this.#ended, timeout]);
    over.abort();
    if (outcome === 0) return this.#output;
    await this.stop();
    signal.throwIfAborted();
    throw this.#failure(outcome === "timeout" ? `has not ended within ${timeoutMs} ms` : "failed");
  }

  /** Ends it: asked first, then forced. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    this.#child.kill("SIGTERM");
    const isGone = await Promise.race([this.#ended.then(() => true), delay(STOP_MS, false, { ref: false })]);
    if (!isGone) this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async #watchEnd(): Promise<number | null> {
    try {
      await once(this.#child, "exit");
    } catch {
      // It could not be started: `waitFor` and `end` find that it has ended, and tell.
    }
    running.delete(this.#child);
    this.#onOutput?.();
    return this.#child.exitCode;
  }

  get #hasEnded(): boolean {
    return !running.has(this.#child);
  }

  #failure(what: string): Error {
    const { exitCode, signalCode } = this.#child;
    const how = exitCode === null ? (signalCode ?? "") : `exit code ${exitCode}`;
    return new Error([`${this.#name} ${what}`, how, this.#errorOutput.trim()].filter((text) => text !== "").join(": "));
  }
}
