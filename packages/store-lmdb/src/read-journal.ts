import { existsSync, readFileSync } from "node:fs";
import { decodeFrame, type Frame, SECTOR_BYTES } from "./frame.js";
import { journalPaths } from "./paths.js";

/** The journal has lost something that was acknowledged. */
export class DamagedJournalError extends Error {
  override readonly name = "DamagedJournalError";
}

/**
 * What the journal holds beyond `applied`, the sequence up to which all is in the tables.
 *
 * A frame that the power failed in the middle of ends it: nothing behind it was acknowledged. A frame behind a gap that
 * says that all before it was stored means that the gap came later.
 *
 * @param files the contents of the journal's files
 * @returns frames with consecutive sequences
 * @throws DamagedJournalError
 */
export function readJournal(files: readonly Uint8Array[], epoch: string, applied: number): Frame[] {
  const frameBySequence = new Map<number, Frame>();
  for (const bytes of files) {
    for (const frame of framesIn(bytes, epoch)) frameBySequence.set(frame.sequence, frame);
  }
  const frames: Frame[] = [];
  let sequence = applied + 1;
  for (let frame = frameBySequence.get(sequence); frame !== undefined; frame = frameBySequence.get(++sequence)) {
    frames.push(frame);
  }
  for (const frame of frameBySequence.values()) {
    if (frame.storedSequence < sequence) continue;
    throw new DamagedJournalError(`frame ${sequence} is damaged, frame ${frame.sequence} behind it is whole`);
  }
  return frames;
}

/** The contents of the journal's files; nothing for one that is not there. */
export function readJournalFiles(directory: string): Uint8Array[] {
  return journalPaths(directory).map((file) => (existsSync(file) ? readFileSync(file) : new Uint8Array(0)));
}

/** The frames of `epoch`, wherever they lie: the file may hold older ones, and torn ones. */
function* framesIn(bytes: Uint8Array, epoch: string): Generator<Frame, void, undefined> {
  for (let at = 0; at < bytes.length;) {
    const frame = decodeFrame(bytes, at);
    if (frame?.epoch === epoch) yield frame;
    at += frame?.sizeBytes ?? SECTOR_BYTES;
  }
}
