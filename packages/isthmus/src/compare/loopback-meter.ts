import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** What went over the loopback device: IP packets, and their bytes. */
export interface Traffic {
  readonly bytes: number;
  readonly packets: number;
}

/** How long nothing must come for all to have come: longer than TCP delays an acknowledgement. */
const QUIET_MS = 60;
const LONGEST_WAIT_MS = 2_000;

/** Counts what goes over the loopback device of Linux, whoever sends it. */
export class LoopbackMeter {
  /** @throws Error where there is no such counter. */
  async read(): Promise<Traffic> {
    const table = await readFile("/proc/net/dev", "utf8");
    const [, counters = ""] = /^ *lo:(.*)$/m.exec(table) ?? [];
    const [bytes, packets] = counters.trim().split(/\s+/).map(Number);
    if (bytes === undefined || packets === undefined) throw new Error("/proc/net/dev knows no loopback device");
    return { bytes, packets };
  }

  /** What goes over the device while `action` runs, and until it is quiet again. */
  async measure(action: () => Promise<void>): Promise<Traffic> {
    const before = await this.read();
    await action();
    const after = await this.#quiet();
    return { bytes: after.bytes - before.bytes, packets: after.packets - before.packets };
  }

  /** Packets that others send in a moment in which we send none. */
  async noise(): Promise<number> {
    const { packets } = await this.read();
    await delay(4 * QUIET_MS);
    return (await this.read()).packets - packets;
  }

  async #quiet(): Promise<Traffic> {
    const giveUpAt = performance.now() + LONGEST_WAIT_MS;
    let last = await this.read();
    for (;;) {
      await delay(QUIET_MS);
      const now = await this.read();
      if (now.packets === last.packets || performance.now() > giveUpAt) return now;
      last = now;
    }
  }
}
