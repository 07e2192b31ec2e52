import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";

/** How long a program may take, on a machine that is busy. */
const TIMEOUT_MS = 40_000;

/** A program that others wrote, as a process of its own. */
export class Program {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<number | null>;
  readonly #chunks: Buffer[] = [];
  readonly #listeners = new Set<() => void>();
  errors = "";

  constructor(name: string, args: readonly string[]) {
    this.#child = spawn(name, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      for (const listener of this.#listeners) listener();
    });
    this.#child.stderr.on("data", (chunk: Buffer) => (this.errors += chunk.toString()));
    this.#ended = new Promise((resolve) => this.#child.on("close", resolve));
    const killed = setTimeout(() => this.stop(), TIMEOUT_MS);
    void this.#ended.then(() => clearTimeout(killed));
  }

  get output(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Waits until `find` finds something in the output, then stops the program. @throws Error when it ends before. */
  async until<T>(find: (output: Buffer) => T | undefined): Promise<T> {
    const found = new Promise<T>((resolve, reject) => {
      const look = (): void => {
        const value = find(this.output);
        if (value !== undefined) resolve(value);
      };
      this.#listeners.add(look);
      look();
      void this.#ended.then(() => reject(new Error(`ended before: ${this.output.toString()} ${this.errors}`)));
    });
    try {
      return await found;
    } finally {
      this.stop();
      await this.#ended;
    }
  }

  /** Waits for its end. */
  async end(): Promise<{ code: number | null; output: Buffer; errors: string }> {
    const code = await this.#ended;
    return { code, output: this.output, errors: this.errors };
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}
