import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Failure } from "./store-failure.js";
import type { TablesOptions, TablesState } from "./tables.js";
import type { TablesReply, TablesRequest } from "./tables-process.js";

/** How long the process stays when there is nothing to do: starting it again takes a tenth of a second. */
const IDLE_MS = 5000;
const KEPT_COMPLAINT_LENGTH = 300;

/** Has the tables written by a process of their own, which is there while there is something to do. */
export class TablesKeeper {
  readonly #options: TablesOptions;
  #process: TablesProcess | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: TablesOptions) {
    this.#options = options;
  }

  /** @throws TablesProcessError with what {@link TableWriter.prepare} threw, or because the process went down. */
  prepare(): Promise<TablesState> {
    return this.#request({ type: "prepare" });
  }

  /** The same for {@link TableWriter.apply}; without a sequence all frames. */
  apply(epoch: string, lastSequence?: number): Promise<TablesState> {
    return this.#request({ type: "apply", epoch, lastSequence });
  }

  /** Lets the process end. Nothing may be under way. */
  close(): void {
    clearTimeout(this.#idleTimer);
    this.#process?.end();
    this.#process = undefined;
  }

  async #request(request: TablesRequest): Promise<TablesState> {
    clearTimeout(this.#idleTimer);
    if (this.#process?.isAlive !== true) this.#process = new TablesProcess(this.#options);
    const state = await this.#process.ask(request);
    this.#idleTimer = setTimeout(() => this.close(), IDLE_MS).unref();
    return state;
  }
}

/** Something that happened in the process that writes the tables. */
class TablesProcessError extends Error {
  override readonly name: string;
  readonly code: string | number | undefined;

  constructor({ name, message, code }: Failure) {
    super(message);
    this.name = name;
    this.code = code;
  }
}

class TablesProcess {
  readonly #process: ChildProcess;
  #complaint = "";

  constructor({ directory, mapSizeBytes }: TablesOptions) {
    this.#process = fork(programPath(), [directory, String(mapSizeBytes)], {
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = `${this.#complaint}${text}`.slice(-KEPT_COMPLAINT_LENGTH);
    });
    this.#setReferenced(false);
  }

  get isAlive(): boolean {
    return this.#process.connected;
  }

  async ask(request: TablesRequest): Promise<TablesState> {
    this.#setReferenced(true);
    const reply = await this.#exchange(request);
    this.#setReferenced(false);
    if (reply.type === "done") return reply.state;
    throw new TablesProcessError(reply);
  }

  end(): void {
    if (this.#process.connected) this.#process.disconnect();
  }

  #exchange(request: TablesRequest): Promise<TablesReply> {
    return new Promise((resolve, reject) => {
      const child = this.#process;
      const handleClose = (exitCode: number | null, signal: string | null): void => {
        reject(new TablesProcessError(this.#explainEnd(exitCode, signal)));
      };
      child.once("close", handleClose);
      child.once("error", reject);
      child.once("message", (reply) => {
        child.off("close", handleClose);
        child.off("error", reject);
        resolve(reply as TablesReply); // All that the process sends.
      });
      child.send(request);
    });
  }

  #explainEnd(exitCode: number | null, signal: string | null): Failure {
    if (signal === "SIGKILL") {
      return { name: "Error", message: "the process that writes the tables was killed, perhaps for want of memory" };
    }
    const end = signal === null ? `ended with ${exitCode}` : `went down with ${signal}`;
    const name = signal === null ? "Error" : "DamagedTablesError";
    return { name, message: `the process that reads and writes the tables ${end} ${this.#complaint.trim()}`.trim() };
  }

  /** The hub may end while this process is idle, not while it waits for an answer. */
  #setReferenced(isReferenced: boolean): void {
    const { channel } = this.#process;
    // It is a socket, which the types do not say.
    const stderr = this.#process.stderr as Socket | null;
    for (const part of [this.#process, channel, stderr]) {
      if (isReferenced) part?.ref();
      else part?.unref();
    }
  }
}

/** The compiled program, also when this is run from its source: a process of its own knows nothing of TypeScript. */
function programPath(): string {
  const isSource = import.meta.url.endsWith(".ts");
  return fileURLToPath(new URL(isSource ? "../dist/tables-process.js" : "./tables-process.js", import.meta.url));
}
