import { describe, expect, test } from "vitest";
import { type Flushable, FlushScheduler } from "../src/flush-scheduler.js";

/** Batches that become safe when the test says so, in order; a turn that writes nothing has none. */
class Disk {
  hasWritten = false;
  readonly #batches: PromiseWithResolvers<void>[] = [];

  commit(): Promise<void> | undefined {
    if (!this.hasWritten) return undefined;
    this.hasWritten = false;
    const batch = Promise.withResolvers<void>();
    this.#batches.push(batch);
    return batch.promise;
  }

  async finish(): Promise<void> {
    this.#batches.shift()?.resolve();
    await turn();
  }

  async fail(error: Error): Promise<void> {
    this.#batches.shift()?.reject(error);
    await turn();
  }
}

/** A connection of words. */
class Connection implements Flushable {
  mustBeStoredFirst = false;
  readonly sent: string[] = [];
  readonly #scheduler: FlushScheduler;
  #waiting: string[] = [];
  readonly #aside: string[][] = [];
  #isScheduled = false;

  constructor(scheduler: FlushScheduler) {
    this.#scheduler = scheduler;
  }

  get hasSetAside(): boolean {
    return this.#aside.length > 0;
  }

  /** @param mustBeStored as for an acknowledgement. */
  write(word: string, mustBeStored: boolean): void {
    this.#waiting.push(word);
    if (mustBeStored) this.mustBeStoredFirst = true;
    if (!this.#isScheduled) this.#scheduler.schedule(this);
    this.#isScheduled = true;
  }

  flush(): void {
    this.sent.push(...this.#take());
  }

  setAside(): void {
    this.#aside.push(this.#take());
  }

  release(): void {
    this.sent.push(...(this.#aside.shift() ?? []));
  }

  #take(): string[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.mustBeStoredFirst = false;
    this.#isScheduled = false;
    return waiting;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function setUp(): { disk: Disk; scheduler: FlushScheduler; a: Connection; b: Connection; failures: unknown[] } {
  const disk = new Disk();
  const failures: unknown[] = [];
  const scheduler = new FlushScheduler(
    () => disk.commit(),
    (error) => failures.push(error),
  );
  return { disk, scheduler, a: new Connection(scheduler), b: new Connection(scheduler), failures };
}

describe("without a store", () => {
  test("each connection is written once, at the end of the turn", async () => {
    const { a, b } = setUp();
    a.write("1", false);
    b.write("2", true);
    a.write("3", true);
    expect([a.sent, b.sent]).toEqual([[], []]);
    await turn();
    expect([a.sent, b.sent]).toEqual([["1", "3"], ["2"]]);
  });

  test("a lone packet is answered within its turn", () => {
    const { a, scheduler } = setUp();
    scheduler.beginGathering();
    a.write("1", false);
    scheduler.flush();
    expect(a.sent).toEqual(["1"]);
  });
});

describe("acknowledged means stored", () => {
  test("what tells of a batch waits for it, the rest does not", async () => {
    const { disk, a, b } = setUp();
    disk.hasWritten = true;
    a.write("acknowledgement", true);
    b.write("message", false);
    await turn();
    expect([a.sent, b.sent]).toEqual([[], ["message"]]);
    await disk.finish();
    expect(a.sent).toEqual(["acknowledgement"]);
  });

  test("an acknowledgement waits for its own batch, not for the one before alone", async () => {
    const { disk, a } = setUp();
    disk.hasWritten = true;
    a.write("first", true);
    await turn();
    disk.hasWritten = true;
    a.write("second", true);
    await turn();
    await disk.finish();
    expect(a.sent).toEqual(["first"]);
    await disk.finish();
    expect(a.sent).toEqual(["first", "second"]);
  });

  test("one that is written while the batch before becomes safe waits for the end of its turn, and for its batch", async () => {
    const { disk, a } = setUp();
    disk.hasWritten = true;
    a.write("first", true);
    await turn();
    disk.hasWritten = true;
    a.write("second", true);
    // Before the turn in which "second" was written has ended.
    const finished = disk.finish();
    await Promise.resolve();
    await Promise.resolve();
    expect(a.sent).toEqual(["first"]);
    await finished;
    expect(a.sent).toEqual(["first"]);
    await disk.finish();
    expect(a.sent).toEqual(["first", "second"]);
  });

  test("a connection that is never quiet is written all the same", async () => {
    const { disk, a } = setUp();
    for (let i = 0; i < 10; i++) {
      disk.hasWritten = true;
      a.write(String(i), true);
      await turn();
      if (i > 0) await disk.finish();
      expect(a.sent).toEqual(Array.from({ length: i }, (_, n) => String(n)));
    }
  });

  test("order is kept: what comes behind something that waits, waits", async () => {
    const { disk, a } = setUp();
    disk.hasWritten = true;
    a.write("acknowledgement", true);
    await turn();
    a.write("message", false);
    await turn();
    a.write("acknowledgement of nothing new", true);
    await turn();
    expect(a.sent).toEqual([]);
    await disk.finish();
    expect(a.sent).toEqual(["acknowledgement", "message", "acknowledgement of nothing new"]);
    a.write("later", false);
    await turn();
    expect(a.sent.at(-1)).toBe("later");
  });

  test("what tells of an earlier batch waits for it, though nothing was written since", async () => {
    const { disk, a, b } = setUp();
    disk.hasWritten = true;
    a.write("acknowledgement", true);
    await turn();
    b.write("acknowledgement on another connection", true);
    await turn();
    expect(b.sent).toEqual([]);
    await disk.finish();
    expect(b.sent).toEqual(["acknowledgement on another connection"]);
    b.write("and when all is safe, at once", true);
    await turn();
    expect(b.sent).toHaveLength(2);
  });

  test("a store that has failed acknowledges nothing", async () => {
    const { disk, a, failures } = setUp();
    disk.hasWritten = true;
    a.write("acknowledgement", true);
    await turn();
    await disk.fail(new Error("disk full"));
    expect(a.sent).toEqual([]);
    expect(failures).toEqual([new Error("disk full")]);
  });
});

describe("who waits for the turn's batch", () => {
  test("is told when it is safe, together with all who asked in the same turn", async () => {
    const disk = new Disk();
    const scheduler = new FlushScheduler(
      () => disk.commit(),
      () => undefined,
    );
    const told: string[] = [];
    disk.hasWritten = true;
    const first = scheduler.whenStored().then(() => told.push("first"));
    const second = scheduler.whenStored().then(() => told.push("second"));
    await turn();
    expect(told).toEqual([]);
    await disk.finish();
    await Promise.all([first, second]);
    expect(told).toEqual(["first", "second"]);
  });

  test("is told at once when nothing was written", async () => {
    const scheduler = new FlushScheduler(
      () => undefined,
      () => undefined,
    );
    await expect(scheduler.whenStored()).resolves.toBeUndefined();
  });

  test("is told that it cannot be made safe", async () => {
    const disk = new Disk();
    const failures: unknown[] = [];
    const scheduler = new FlushScheduler(
      () => disk.commit(),
      (error) => failures.push(error),
    );
    disk.hasWritten = true;
    const stored = scheduler.whenStored();
    await turn();
    const full = new Error("the disk is full");
    await Promise.all([expect(stored).rejects.toBe(full), disk.fail(full)]);
    expect(failures).toEqual([full]);
  });

  test("has what was prepared for the batch in it", async () => {
    const disk = new Disk();
    const scheduler = new FlushScheduler(
      () => disk.commit(),
      () => undefined,
    );
    scheduler.beforeCommit(() => (disk.hasWritten = true));
    let isTold = false;
    const stored = scheduler.whenStored().then(() => (isTold = true));
    await turn();
    expect(isTold).toBe(false);
    await disk.finish();
    await stored;
    expect(isTold).toBe(true);
  });
});
