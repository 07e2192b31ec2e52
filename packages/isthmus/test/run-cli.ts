import { spawn } from "node:child_process";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { main } from "../src/cli.js";

/** What a program has printed, and its exit code. */
export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** A program that runs. */
export interface Run extends PromiseLike<RunResult> {
  /** Resolves when its standard output has matched, with all of it. */
  printed(pattern: RegExp): Promise<string>;
  /** Asks it to stop. */
  stop(): void;
}

/** Runs `isthmus` in this process. Bytes are shown as Latin-1, so that each is a character. */
export function runIsthmus(args: readonly string[], stdin: string | Uint8Array = ""): Run {
  const abort = new AbortController();
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  streams.stdin.end(stdin);
  const watcher = new Watcher(streams.stdout);
  const result = (async () => {
    const printed = Promise.all([buffer(streams.stdout), buffer(streams.stderr)]);
    const exitCode = await main(args, { ...streams, signal: abort.signal });
    streams.stdout.end();
    streams.stderr.end();
    return resultOf(exitCode, await printed);
  })();
  return {
    printed: (pattern) => watcher.until(pattern),
    stop: () => abort.abort(),
    // A run is awaited for its result.
    // oxlint-disable-next-line unicorn/no-thenable
    then: (onFulfilled, onRejected) => result.then(onFulfilled, onRejected),
  };
}

/** Runs a program that others wrote, its output by the line as on a terminal. */
export function runProgram(path: string, args: readonly string[], stdin: string | Uint8Array = ""): Run {
  const child = spawn("stdbuf", ["-oL", path, ...args], { stdio: "pipe" });
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  const watcher = new Watcher(child.stdout);
  const result = (async () => {
    const printed = Promise.all([buffer(child.stdout), buffer(child.stderr)]);
    const [exitCode] = (await once(child, "exit")) as [number | null];
    return resultOf(exitCode ?? -1, await printed);
  })();
  return {
    printed: (pattern) => watcher.until(pattern),
    stop: () => void child.kill("SIGKILL"),
    // A run is awaited for its result.
    // oxlint-disable-next-line unicorn/no-thenable
    then: (onFulfilled, onRejected) => result.then(onFulfilled, onRejected),
  };
}

function resultOf(exitCode: number, [stdout, stderr]: readonly Buffer[]): RunResult {
  return { stdout: stdout?.toString("latin1") ?? "", stderr: stderr?.toString("latin1") ?? "", exitCode };
}

class Watcher {
  #text = "";
  readonly #waiters = new Set<() => void>();

  constructor(stream: NodeJS.ReadableStream) {
    stream.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("latin1");
      for (const waiter of this.#waiters) waiter();
    });
  }

  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#text)) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
    this.#waiters.clear();
    return this.#text;
  }
}
