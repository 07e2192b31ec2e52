import { concatBytes } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import type { Transport, TransportListener } from "../src/transport/transport.js";

/** A listener that keeps what it hears, and lets a test wait for it. */
export class RecordingListener implements TransportListener {
  readonly chunks: Uint8Array[] = [];
  drainCount = 0;
  closeCount = 0;
  closeError: Error | undefined;
  onBytes: ((bytes: Uint8Array) => void) | undefined;
  readonly #waiters = new Set<() => void>();

  get received(): Uint8Array {
    return concatBytes(this.chunks);
  }

  receiveBytes(bytes: Uint8Array): void {
    this.chunks.push(bytes);
    this.onBytes?.(bytes);
    this.#notify();
  }

  handleDrain(): void {
    this.drainCount++;
    this.#notify();
  }

  handleClose(error: Error | undefined): void {
    this.closeCount++;
    this.closeError = error;
    this.#notify();
  }

  async until(condition: (listener: this) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  #notify(): void {
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
  }
}

/** Makes two connected transports, and tears down what carries them. */
export interface TransportPairFactory {
  open(): Promise<[Transport, Transport]>;
  close(): Promise<void>;
}

/**
 * The contract of `transport.ts`, run against each implementation.
 *
 * @param options.canPauseNetwork false for a transport whose platform goes on reading while it is paused
 */
export function describeTransport(
  name: string,
  makeFactory: () => TransportPairFactory,
  { canPauseNetwork = true }: { readonly canPauseNetwork?: boolean } = {},
): void {
  describe(`a transport over ${name}`, () => {
    const withPair =
      (
        test: (
          left: Transport,
          right: Transport,
          heard: { left: RecordingListener; right: RecordingListener },
        ) => Promise<void>,
      ) =>
      async (): Promise<void> => {
        const factory = makeFactory();
        const [left, right] = await factory.open();
        const heard = { left: new RecordingListener(), right: new RecordingListener() };
        try {
          await test(left, right, heard);
        } finally {
          left.destroy();
          right.destroy();
          await factory.close();
        }
      };
    const openBoth = (
      left: Transport,
      right: Transport,
      heard: { left: RecordingListener; right: RecordingListener },
    ) => {
      left.open(heard.left);
      right.open(heard.right);
    };

    it(
      "delivers the bytes in order, both ways [MQTT-4.2-1] [MQTT-7.1.1-1 of MQTT 3.1.1] [MQTT-7.1.2-1 of MQTT 3.1.1]",
      withPair(async (left, right, heard) => {
        openBoth(left, right, heard);
        left.write(bytesOf("one "));
        left.writeAll([bytesOf("two "), bytesOf("three "), new Uint8Array(100_000).fill(46)]);
        left.write(bytesOf(" four"));
        right.write(bytesOf("back"));
        await heard.right.until(({ received }) => received.length === 100_019);
        await heard.left.until(({ received }) => received.length === 4);
        expect(textOf(heard.right.received)).toBe(`one two three ${".".repeat(100_000)} four`);
        expect(textOf(heard.left.received)).toBe("back");
      }),
    );

    it(
      "keeps what comes in before it is opened",
      withPair(async (left, right, heard) => {
        left.open(heard.left);
        left.write(bytesOf("early"));
        await macrotask();
        right.open(heard.right);
        await heard.right.until(({ received }) => received.length === 5);
      }),
    );

    it(
      "never calls the listener from within one of its own methods",
      withPair(async (left, right, heard) => {
        openBoth(left, right, heard);
        const states: string[] = [];
        const during = (method: string, call: () => void): void => {
          const before = [heard.left, heard.right].map((h) => `${h.chunks.length} ${h.drainCount} ${h.closeCount}`);
          call();
          const after = [heard.left, heard.right].map((h) => `${h.chunks.length} ${h.drainCount} ${h.closeCount}`);
          if (before.join() !== after.join()) states.push(method);
        };
        during("write", () => left.write(bytesOf("x")));
        during("writeAll", () => left.writeAll([bytesOf("x"), bytesOf("y")]));
        during("pause", () => right.pause());
        during("resume", () => right.resume());
        await heard.right.until(({ received }) => received.length === 3);
        during("end", () => left.end());
        during("destroy", () => right.destroy());
        expect(states).toEqual([]);
      }),
    );

    if (canPauseNetwork) {
      it(
        "is congested by a reader that pauses, and drains once it reads on",
        withPair(async (left, right, heard) => {
          openBoth(left, right, heard);
          right.pause();
          const chunk = new Uint8Array(256 * 1024);
          let sent = 0;
          let isFree = true;
          // More than the kernel's buffers of a loopback connection can hold.
          for (let i = 0; i < 80; i++) {
            isFree = left.write(chunk);
            sent += chunk.length;
            if (!isFree) await macrotask();
          }
          expect(isFree).toBe(false);
          expect(left.bufferedBytes).toBeGreaterThan(chunk.length);
          const drainsBefore = heard.left.drainCount;
          right.resume();
          await heard.left.until(({ drainCount }) => drainCount > drainsBefore);
          await heard.right.until(({ chunks }) => chunks.reduce((sum, { length }) => sum + length, 0) === sent);
          expect(left.bufferedBytes).toBe(0);
          expect(left.write(bytesOf("more"))).toBe(true);
        }),
      );
    }

    it(
      "delivers nothing more once paused",
      withPair(async (left, right, heard) => {
        openBoth(left, right, heard);
        heard.right.onBytes = () => right.pause();
        left.write(bytesOf("one"));
        await heard.right.until(({ chunks }) => chunks.length === 1);
        left.write(bytesOf("two"));
        await macrotask();
        await macrotask();
        expect(textOf(heard.right.received)).toBe("one");
        right.resume();
        await heard.right.until(({ chunks }) => chunks.length === 2);
      }),
    );

    it(
      "end sends what is buffered, then closes both sides without an error",
      withPair(async (left, right, heard) => {
        openBoth(left, right, heard);
        left.write(new Uint8Array(1_000_000));
        left.end();
        left.end();
        await heard.right.until(({ closeCount }) => closeCount === 1);
        await heard.left.until(({ closeCount }) => closeCount === 1);
        expect(heard.right.received.length).toBe(1_000_000);
        expect([heard.left.closeError, heard.right.closeError]).toEqual([undefined, undefined]);
      }),
    );

    it(
      "end closes also while paused and while the peer still writes",
      withPair(async (left, right, heard) => {
        openBoth(left, right, heard);
        left.pause();
        right.write(bytesOf("unread"));
        await macrotask();
        left.end();
        await heard.left.until(({ closeCount }) => closeCount === 1);
        await heard.right.until(({ closeCount }) => closeCount === 1);
        expect(heard.left.chunks).toEqual([]);
      }),
    );

    it(
      "closes exactly once, also after destroy",
      withPair(async (left, right, heard) => {
        openBoth(left, right, heard);
        left.destroy();
        left.destroy();
        left.end();
        await heard.left.until(({ closeCount }) => closeCount === 1);
        await heard.right.until(({ closeCount }) => closeCount === 1);
        expect(left.write(bytesOf("late"))).toBe(false);
        expect(left.writeAll([bytesOf("late"), bytesOf("later")])).toBe(false);
        await macrotask();
        expect([heard.left.closeCount, heard.right.closeCount]).toEqual([1, 1]);
      }),
    );

    it(
      "tells of a close that came before it was opened",
      withPair(async (left, right, heard) => {
        left.open(heard.left);
        left.destroy();
        await heard.left.until(({ closeCount }) => closeCount === 1);
        right.destroy();
        await macrotask();
        right.open(heard.right);
        expect(heard.right.closeCount).toBe(0);
        await heard.right.until(({ closeCount }) => closeCount === 1);
      }),
    );
  });
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
