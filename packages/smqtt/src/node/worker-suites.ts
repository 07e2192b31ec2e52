import { Worker } from "node:worker_threads";
import { cpAbeScope } from "../suites/cp-abe.js";
import { hpkeSuite } from "../suites/hpke.js";
import { kpAbeScope } from "../suites/kp-abe.js";
import { pskTreeSuite } from "../suites/psk-tree.js";
import { pskSuite } from "../suites/psk.js";
import {
  GrantError,
  type Suite,
  type SuiteEnrolment,
  type SuiteMaster,
  UnwrapError,
  WrapError,
  type WrappedKey,
} from "../suites/suite.js";
import type { SuiteCall, SuiteReply } from "./suite-calls.js";

export interface WorkerSuitesOptions {
  /** Worker threads. Default 1. */
  readonly threads?: number;
  /** Calls that may wait for a thread; more are refused. Default 256. */
  readonly queueLimit?: number;
  /** The worker's file, where a bundler has moved it. */
  readonly workerUrl?: URL;
}

/** Suites whose work is done elsewhere. */
export interface WorkerSuites extends AsyncDisposable {
  readonly suites: readonly Suite[];
  /** Ends the threads; what is under way fails. */
  close(): Promise<void>;
}

/** More calls wait than may. */
export class WorkerBusyError extends Error {
  override readonly name = "WorkerBusyError";
}

/**
 * The suites of this package with the heavy ones, `kp-abe`, `cp-abe` and `hpke`, run in worker threads: a wrap then costs the
 * event loop a message and not milliseconds of pairings. Uses mcl-wasm when it is installed.
 *
 * @example
 * await using workers = createWorkerSuites();
 * const suites = createSuiteRegistry([...workers.suites]);
 */
export function createWorkerSuites(options: WorkerSuitesOptions = {}): WorkerSuites {
  const { threads = 1, queueLimit = 256, workerUrl = new URL("./suite-worker.js", import.meta.url) } = options;
  const pool = Array.from({ length: threads }, () => new SuiteWorker(workerUrl));

  const run = async (call: SuiteCall): Promise<unknown> => {
    const waiting = pool.reduce((sum, { pending }) => sum + pending, 0);
    if (waiting >= queueLimit) throw new WorkerBusyError(`${waiting} calls wait already`);
    const idlest = pool.reduce((a, b) => (b.pending < a.pending ? b : a));
    return idlest.run(call);
  };
  const close = async (): Promise<void> => {
    await Promise.all(pool.map(async (worker) => worker.close()));
  };
  const hpke = hpkeSuite();
  const suites = [
    pskSuite(),
    pskTreeSuite(),
    remoteSuite("hpke", (publisher, target) => hpke.scope(publisher, target), run),
    remoteSuite("kp-abe", kpAbeScope, run),
    remoteSuite("cp-abe", cpAbeScope, run),
  ];
  return { suites, close, [Symbol.asyncDispose]: close };
}

/** The casts say what `doSuiteCall` returns for each method. */
function remoteSuite(suite: string, scope: Suite["scope"], run: (call: SuiteCall) => Promise<unknown>): Suite {
  return {
    name: suite,
    scope,
    setup: async () => (await run({ method: "setup", suite })) as SuiteMaster,
    enrol: async (master, grant) => (await run({ method: "enrol", suite, master, grant })) as SuiteEnrolment,
    rotate: async (master, revoked) => (await run({ method: "rotate", suite, master, revoked })) as SuiteMaster,
    wrap: async (publisher, target, context) =>
      (await run({ method: "wrap", suite, publisher, target, context })) as WrappedKey,
    unwrap: async (reader, wrap, context) =>
      (await run({ method: "unwrap", suite, reader, wrap, context })) as Uint8Array,
  };
}

type Settlement = Pick<PromiseWithResolvers<unknown>, "resolve" | "reject">;

/** One thread, started at its first call and again when it has died. */
class SuiteWorker {
  readonly #url: URL;
  readonly #settlementById = new Map<number, Settlement>();
  #worker: Worker | undefined;
  #nextId = 0;

  constructor(url: URL) {
    this.#url = url;
  }

  get pending(): number {
    return this.#settlementById.size;
  }

  async run(call: SuiteCall): Promise<unknown> {
    const worker = (this.#worker ??= this.#start());
    const id = this.#nextId++;
    const settlement = Promise.withResolvers<unknown>();
    this.#settlementById.set(id, settlement);
    worker.ref();
    worker.postMessage({ id, call }, []);
    return settlement.promise;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    // What the program was started with, such as conditions of imports, is not for the worker.
    const worker = new Worker(this.#url, { execArgv: [] });
    worker.on("message", (reply: SuiteReply) => this.#settle(reply));
    worker.on("error", (cause) => this.#fail(cause));
    worker.on("exit", () => this.#fail(new Error("the worker has ended")));
    return worker;
  }

  #settle(reply: SuiteReply): void {
    const settlement = this.#settlementById.get(reply.id);
    this.#settlementById.delete(reply.id);
    // An idle thread keeps no process alive.
    if (this.#settlementById.size === 0) this.#worker?.unref();
    if ("failure" in reply) settlement?.reject(errorOf(reply.failure));
    else settlement?.resolve(reply.value);
  }

  #fail(cause: Error): void {
    this.#worker = undefined;
    for (const { reject } of this.#settlementById.values()) reject(cause);
    this.#settlementById.clear();
  }
}

/** An error crosses the thread as its name and message. */
function errorOf({ name, message }: { readonly name: string; readonly message: string }): Error {
  if (name === "UnwrapError") return new UnwrapError();
  if (name === "WrapError") return new WrapError(message);
  if (name === "GrantError") return new GrantError(message);
  return new Error(`${name}: ${message}`);
}
