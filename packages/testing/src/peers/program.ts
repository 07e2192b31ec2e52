import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";

/** Where distributions put servers that are not on every user's path. */
const MORE_DIRECTORIES = ["/usr/sbin", "/usr/local/sbin"];
const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;

/**
 * The path of an installed program that others wrote; undefined, with a word on the console, when it is missing.
 *
 * @throws Error when it is missing in CI, where no interop test may be left out unseen.
 */
export function findProgram(name: string): string | undefined {
  for (const directory of [...(process.env["PATH"] ?? "").split(delimiter), ...MORE_DIRECTORIES]) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  if (process.env["CI"]) throw new Error(`${name} is not installed, and CI leaves no interop test out`);
  console.warn(`skipped: ${name} is not installed`);
  return undefined;
}

/** A port of the loopback interface that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error(`no port in ${address}`);
  return address.port;
}

/** A program of others that runs beside a test. */
export class Peer implements AsyncDisposable {
  readonly #child: ChildProcess;
  #output = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    }
  }

  /**
   * Starts `path` and waits until its output matches `ready`.
   *
   * @throws Error with the output when it ends, or is not ready in ten seconds.
   */
  static async launch(path: string, args: readonly string[], ready: RegExp): Promise<Peer> {
    const child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"] });
    const peer = new Peer(child);
    const giveUpAt = performance.now() + START_TIMEOUT_MS;
    while (!ready.test(peer.#output)) {
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      if (hasEnded || performance.now() > giveUpAt) {
        await peer.stop();
        throw new Error(`${path} ${hasEnded ? "ended" : "was not ready in time"}:\n${peer.#output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return peer;
  }

  /** What it has printed, on both streams. */
  get output(): string {
    return this.#output;
  }

  /** Ends the program, and waits until it has ended. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exit;
    clearTimeout(force);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
