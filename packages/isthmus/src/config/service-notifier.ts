import { promisify } from "node:util";
import type { Logger } from "pino";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Tells systemd how the service is, as sd_notify(3) does, through the program `systemd-notify`: Node has no datagram
 * sockets of the kind that systemd listens on. Says nothing where nobody listens.
 */
export class ServiceNotifier {
  readonly #log: Logger;
  readonly #isHeard: boolean;
  readonly #watchdogMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sent: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(environment: Environment, log: Logger) {
    this.#log = log;
    this.#isHeard = environment["NOTIFY_SOCKET"] !== undefined;
    const watchdogMs = Number(environment["WATCHDOG_USEC"] ?? Number.NaN) / 1000;
    const isOurs = [undefined, String(process.pid)].includes(environment["WATCHDOG_PID"]);
    this.#watchdogMs = this.#isHeard && isOurs && watchdogMs > 0 ? watchdogMs : undefined;
  }

  /** The doors are open; from the first time on the watchdog is told that the event loop turns. */
  ready(status: string): void {
    this.#send("READY=1", `STATUS=${status}`);
    if (this.#watchdogMs === undefined) return;
    this.#timer ??= setInterval(() => this.#send("WATCHDOG=1"), this.#watchdogMs / 2).unref();
  }

  reloading(): void {
    // systemd wants to know that the answer is to its own signal; hrtime is CLOCK_MONOTONIC on Linux.
    this.#send("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  /** @returns when all that was told has arrived. */
  stopping(): Promise<void> {
    clearInterval(this.#timer);
    this.#send("STOPPING=1");
    return this.#sent;
  }

  #send(...assignments: readonly string[]): void {
    // One after the other: READY=1 must not overtake RELOADING=1.
    if (this.#isHeard) this.#sent = this.#sent.then(() => this.#run(assignments));
  }

  async #run(assignments: readonly string[]): Promise<void> {
    try {
      // Loaded when there is somebody to tell: it takes a megabyte.
      const { execFile } = process.getBuiltinModule("node:child_process");
      await promisify(execFile)("systemd-notify", [...assignments]);
    } catch (error) {
      if (!this.#hasFailed) this.#log.warn({ err: error }, "systemd-notify cannot be run: systemd is told nothing");
      this.#hasFailed = true;
    }
  }
}
