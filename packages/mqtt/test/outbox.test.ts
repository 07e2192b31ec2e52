import { concatBytes } from "@isthmus/bytes";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Outbox, OutboxMemory } from "../src/session/outbox.js";
import { CapturingTransport } from "./server-ladder.js";

/** Sizes around each limit of the outbox: copied or not, small buffer, large buffer, slab. */
const SIZE = fc.oneof(
  { weight: 8, arbitrary: fc.nat(100) },
  { weight: 3, arbitrary: fc.integer({ min: 2040, max: 2060 }) },
  { weight: 2, arbitrary: fc.integer({ min: 4000, max: 8200 }) },
  { weight: 1, arbitrary: fc.integer({ min: 32_760, max: 32_776 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 300_000 }) },
);

const STEP = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("reserve" as const), size: SIZE }) },
  // Runs of one chunk: neighbours are to leave as one slice.
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("run" as const),
      size: SIZE,
      cuts: fc.array(fc.nat(100), { maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("take" as const) }) },
);

/** Bytes that are unlike from one piece to the next. */
function pattern(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed * 97) & 0xff);
}

describe("any series of reserving, appending and flushing", () => {
  test("writes the same bytes as a plain list, on outboxes that share their memory", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), STEP), { maxLength: 60 }), (steps) => {
        const memory = new OutboxMemory();
        const boxes = [0, 1, 2].map(() => ({
          outbox: new Outbox(memory),
          transport: new CapturingTransport(),
          model: new Array<Uint8Array>(),
          written: new Array<Uint8Array>(),
        }));
        // Checked at the end: what was handed to a transport must not change afterwards.
        for (const [seed, [which, step]] of steps.entries()) {
          const box = boxes[which];
          if (box === undefined) continue;
          const { outbox, transport, model, written } = box;
          switch (step.kind) {
            case "reserve": {
              const bytes = pattern(step.size, seed);
              const at = outbox.reserve(step.size);
              outbox.staging.set(bytes, at);
              model.push(bytes);
              break;
            }
            case "run": {
              const source = pattern(step.size, seed);
              const cuts = step.cuts.map((each) => Math.min(each, step.size)).sort((a, b) => a - b);
              const edges = [0, ...cuts, step.size];
              for (const [i, start] of edges.entries()) outbox.append(source, start, edges[i + 1] ?? step.size);
              model.push(source);
              break;
            }
            case "flush":
              outbox.flush(transport);
              written.push(...transport.takeParts());
              break;
            case "take":
              written.push(...outbox.take());
              break;
          }
          const left = model.reduce((sum, { length }) => sum + length, 0);
          const gone = written.reduce((sum, { length }) => sum + length, 0);
          expect(outbox.pendingBytes).toBe(left - gone);
        }
        for (const { outbox, transport, model, written } of boxes) {
          outbox.flush(transport);
          written.push(...transport.takeParts());
          expect(Buffer.compare(concatBytes(written), concatBytes(model))).toBe(0);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe("what an outbox writes", () => {
  function setUp(): { outbox: Outbox; transport: CapturingTransport; memory: OutboxMemory } {
    const memory = new OutboxMemory();
    return { memory, outbox: new Outbox(memory), transport: new CapturingTransport() };
  }

  test("many small frames leave in one write, as one piece", () => {
    const { outbox, transport } = setUp();
    for (let i = 0; i < 100; i++) outbox.reserve(4);
    outbox.flush(transport);
    expect(transport.writeCount).toBe(1);
    expect(transport.takeParts()).toHaveLength(1);
  });

  test("neighbouring slices of one chunk leave as they lie, without a copy", () => {
    const { outbox, transport } = setUp();
    const chunk = pattern(10_000, 1);
    for (let at = 0; at < 10_000; at += 100) outbox.append(chunk, at, at + 100);
    outbox.flush(transport);
    expect(transport.takeParts()).toEqual([chunk]);
  });

  test("a large payload is not copied, and its header goes before it in the same write", () => {
    const { outbox, transport } = setUp();
    const payload = pattern(100_000, 1);
    outbox.reserve(1);
    outbox.append(payload, 10, payload.length);
    outbox.flush(transport);
    expect(transport.writeCount).toBe(1);
    const parts = transport.takeParts();
    expect(parts.map(({ length }) => length)).toEqual([1, 99_990]);
    expect(parts[1]?.buffer).toBe(payload.buffer);
  });

  test("nothing waits: nothing is written", () => {
    const { outbox, transport } = setUp();
    expect(outbox.flush(transport)).toBe(true);
    expect(transport.writeCount).toBe(0);
    expect(outbox.take()).toEqual([]);
  });

  test("says when the transport is congested", () => {
    const { outbox, transport } = setUp();
    transport.isFree = false;
    outbox.reserve(1);
    expect(outbox.flush(transport)).toBe(false);
    outbox.append(pattern(10, 1), 0, 10);
    expect(outbox.flush(transport)).toBe(false);
  });

  test("what was cleared is never written", () => {
    const { outbox, transport } = setUp();
    outbox.reserve(10);
    outbox.append(pattern(5000, 1), 0, 5000);
    outbox.reserve(10);
    outbox.append(pattern(50, 1), 0, 50);
    outbox.clear();
    expect(outbox.pendingBytes).toBe(0);
    const at = outbox.reserve(1);
    outbox.staging[at] = 7;
    outbox.flush(transport);
    expect(transport.take()).toEqual(Uint8Array.of(7));
  });
});

describe("the memory that outboxes share", () => {
  test("an outbox at rest holds none of it", () => {
    const memory = new OutboxMemory();
    const transport = new CapturingTransport();
    const outbox = new Outbox(memory);
    outbox.reserve(100);
    expect(outbox.staging.length).toBeGreaterThan(0);
    outbox.flush(transport);
    expect(outbox.staging.length).toBe(0);
    // The buffer serves the next one.
    const other = new Outbox(memory);
    other.reserve(1);
    const buffer = other.staging;
    other.clear();
    outbox.reserve(1);
    expect(outbox.staging).toBe(buffer);
  });

  test("a frame larger than all buffers gets one of its own, which is not kept", () => {
    const memory = new OutboxMemory();
    const outbox = new Outbox(memory);
    outbox.reserve(1_000_000);
    const buffer = outbox.staging;
    expect(buffer.length).toBe(1_000_000);
    outbox.clear();
    expect(memory.borrow(1_000_000)).not.toBe(buffer);
  });
});
