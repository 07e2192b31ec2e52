import { describe, expect, test } from "vitest";
import { encodeFrame, SECTOR_BYTES } from "../src/frame.js";
import { DamagedJournalError, readJournal } from "../src/read-journal.js";

const EPOCH = "00112233445566aa";
const NOTHING = new Uint8Array(0);

/** A frame of `sectors` sectors; `stored` is what was safe when it was written. */
function frame(sequence: number, stored = sequence - 1, sectors = 1, epoch = EPOCH): Uint8Array {
  const value = new Uint8Array(sectors * SECTOR_BYTES - 100).fill(sequence);
  const bytes = encodeFrame({ epoch, sequence, storedSequence: stored }, [
    { table: "messages", key: [sequence], value },
  ]);
  expect(bytes.length).toBe(sectors * SECTOR_BYTES);
  return bytes;
}

function file(...frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([...frames, new Uint8Array(4 * SECTOR_BYTES)]);
}

function sequences(files: readonly Uint8Array[], applied = 0): number[] {
  return readJournal(files, EPOCH, applied).map(({ sequence }) => sequence);
}

describe("a journal is read", () => {
  test("across its two files, whichever is older, from behind what the tables have", () => {
    const older = file(frame(1), frame(2, 1, 3), frame(3));
    const newer = file(frame(4), frame(5));
    for (const files of [
      [older, newer],
      [newer, older],
    ]) {
      expect(sequences(files)).toEqual([1, 2, 3, 4, 5]);
      expect(sequences(files, 3)).toEqual([4, 5]);
      expect(sequences(files, 5)).toEqual([]);
    }
  });

  test("up to where it is cut, at whatever byte", () => {
    const sizes = [1, 3, 1, 2];
    const frames = sizes.map((sectors, i) => frame(i + 1, i, sectors));
    const whole = Buffer.concat(frames);
    // A frame's padding is no part of it.
    const ends = frames.map((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b) * SECTOR_BYTES);
    let previous = 0;
    for (let length = 0; length <= whole.length; length++) {
      const read = sequences([whole.subarray(0, length), NOTHING]);
      expect(read).toEqual([1, 2, 3, 4].slice(0, read.length));
      expect(read.length).toBeGreaterThanOrEqual(ends.filter((end) => end <= length).length);
      expect(read.length).toBeGreaterThanOrEqual(previous);
      previous = read.length;
    }
    expect(previous).toBe(4);
  });

  test("without its last frame when the power failed in any sector of it, in whatever order the disk wrote", () => {
    const last = frame(3, 2, 4);
    for (let written = 0; written < 2 ** 4 - 1; written++) {
      const torn = last.slice();
      for (let sector = 0; sector < 4; sector++) {
        if ((written & (1 << sector)) === 0) torn.fill(0xee, sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
      }
      expect(sequences([file(frame(1), frame(2), torn), NOTHING])).toEqual([1, 2]);
    }
  });

  test("without what is left of an older time, or of a message that looks like a frame", () => {
    const stranger = frame(3, 2, 1, "ffffffffffffffff");
    expect(sequences([file(frame(1), frame(2), stranger), file(stranger)])).toEqual([1, 2]);
  });

  test("without what the disk was not asked to keep yet", () => {
    // With `interval` several frames wait for the disk, which may write the last one first.
    expect(sequences([file(frame(1, 0), frame(2, 1), new Uint8Array(SECTOR_BYTES), frame(4, 2)), NOTHING])).toEqual([
      1, 2,
    ]);
  });

  test("not at all when something that was stored is missing", () => {
    const hole = new Uint8Array(SECTOR_BYTES);
    expect(() => sequences([file(frame(1), hole, frame(3)), NOTHING])).toThrow(DamagedJournalError);
    expect(() => sequences([file(hole, hole, hole), file(frame(4))])).toThrow("frame 1 is damaged, frame 4");
    // It is in the tables: nothing is lost.
    expect(sequences([file(frame(1), hole, frame(3)), NOTHING], 2)).toEqual([3]);
  });
});
