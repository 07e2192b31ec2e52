import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES, readWrites, SECTOR_BYTES } from "../src/frame.js";
import { decodeKey } from "../src/store-key.js";
import { tableNumber } from "../src/table-numbers.js";
import { keys, tableNames } from "./arbitraries.js";

const writes = fc.array(
  fc.record({ table: tableNames, key: keys, value: fc.option(fc.uint8Array({ maxLength: 2000 }), { nil: undefined }) }),
  { maxLength: 20 },
);
const headers = fc.record({
  epoch: fc.stringMatching(/^[\da-f]{16}$/),
  sequence: fc.maxSafeNat(),
  storedSequence: fc.maxSafeNat(),
});

describe("a frame of the journal", () => {
  test("comes back as it was written, in whole sectors", () => {
    fc.assert(
      fc.property(headers, writes, (header, written) => {
        const bytes = encodeFrame(header, written);
        expect(bytes.length % SECTOR_BYTES).toBe(0);
        const frame = decodeFrame(bytes, 0);
        expect(frame).toMatchObject({ ...header, sizeBytes: bytes.length });
        const read = Array.from(readWrites(frame?.body ?? new Uint8Array(0)));
        expect(read.map(({ tableNumber: table, keyBytes, value }) => [table, decodeKey(keyBytes), value])).toEqual(
          written.map(({ table, key, value }) => [tableNumber(table), key, value]),
        );
      }),
      { numRuns: 200 },
    );
  });

  test("that is cut short is none", () => {
    const { bytes, bodyEnd } = sample();
    for (let length = 0; length < bodyEnd; length++) expect(decodeFrame(bytes.subarray(0, length), 0)).toBeUndefined();
    expect(decodeFrame(bytes.subarray(0, bodyEnd), 0)).toBeDefined();
  });

  test("of which any bit has changed is none", () => {
    const { bytes, bodyEnd } = sample();
    for (let bit = 0; bit < bodyEnd * 8; bit++) {
      const changed = bytes.slice();
      changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeFrame(changed, 0), `bit ${bit}`).toBeUndefined();
    }
  });
});

function sample(): { bytes: Uint8Array; bodyEnd: number } {
  const value = Uint8Array.from({ length: 200 }, (_, i) => i);
  const bytes = encodeFrame({ epoch: "0123456789abcdef", sequence: 7, storedSequence: 6 }, [
    { table: "retained", key: ["house/door"], value },
    { table: "queues", key: ["client", 300], value: undefined },
  ]);
  const frame = decodeFrame(bytes, 0);
  return { bytes, bodyEnd: FRAME_HEADER_BYTES + (frame?.body.length ?? 0) };
}
