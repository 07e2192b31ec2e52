import { crc32 } from "node:zlib";
import { ByteReader, fromHex, readUint32, toHex, writeUint16 } from "@isthmus/bytes";
import type { StoreKey, TableName } from "@isthmus/exchange";
import { mostKeyBytes, writeKey } from "./store-key.js";
import { tableNumber } from "./table-numbers.js";

/*
 * A frame of the journal: what one write to the disk holds, one batch or several whole ones.
 *
 *    0 .. 3  4 .. 7   8 .. 11       12 .. 19   20 .. 27      28 .. 35       36 ..
 *   +-------+--------+-------------+----------+-------------+--------------+------------------------
 *   | magic | CRC-32 | body length | epoch    | sequence    | stored up to | body, zeros to a sector
 *   +-------+--------+-------------+----------+-------------+--------------+------------------------
 *
 * The checksum is over all that follows it up to the end of the body, which is a row of writes:
 *
 *   +-------------+-------------+-----+---------------+-------+
 *   | table, +80  | key length  | key | value length  | value |
 *   | for a delete| u32         |     | u32, if put   |       |
 *   +-------------+-------------+-----+---------------+-------+
 */
export const FRAME_HEADER_BYTES = 36;
/** A frame begins on a sector of its own: writing it cannot damage one that was stored before. */
export const SECTOR_BYTES = 512;
const MAGIC = 0x49_73_4a_31; // "IsJ1"
const CHECKSUM_AT = 4;
/** The checksum is over all from here. */
const LENGTH_AT = 8;
const DELETE_FLAG = 0x80;

export interface FrameHeader {
  /**
   * Which time between two starts of the store it was written in: 8 random bytes in hex, so that nobody can have a
   * message taken for a frame.
   */
  readonly epoch: string;
  /** One more than that of the frame before, also across the journal's files. */
  readonly sequence: number;
  /** The sequence up to which all was safe on the disk when this was written. */
  readonly storedSequence: number;
}

/** A change of one record; without a value it is removed. */
export interface Write {
  readonly table: TableName;
  readonly key: StoreKey;
  readonly value: Uint8Array | undefined;
}

/** A change of one record as a frame has it. */
export interface StoredWrite {
  readonly tableNumber: number;
  readonly keyBytes: Uint8Array;
  readonly value: Uint8Array | undefined;
}

export interface Frame extends FrameHeader {
  readonly body: Uint8Array;
  /** Bytes that it takes in the file. */
  readonly sizeBytes: number;
}

/** Puts writes together to a frame, as they come: nothing is kept of them but their bytes. */
export class FrameWriter {
  #bytes: Uint8Array;
  #end = FRAME_HEADER_BYTES;
  /** Where the last whole batch ends. */
  #batchEnd = FRAME_HEADER_BYTES;

  /** @param memory to write to, with room for more in it as need be */
  constructor(memory: Uint8Array = new Uint8Array(4096)) {
    this.#bytes = memory;
  }

  /** Whether there is anything that {@link seal} would take. */
  get hasBatch(): boolean {
    return this.#batchEnd > FRAME_HEADER_BYTES;
  }

  /** Where the next write will begin. */
  get position(): number {
    return this.#end;
  }

  append(table: TableName, key: StoreKey, value: Uint8Array | undefined): void {
    this.#reserve(9 + mostKeyBytes(key) + (value?.length ?? 0));
    const bytes = this.#bytes;
    const start = this.#end;
    // A key that is none throws here: nothing has changed then.
    const keyEnd = writeKey(bytes, start + 5, key);
    bytes[start] = tableNumber(table) | (value === undefined ? DELETE_FLAG : 0);
    writeUint32(bytes, start + 1, keyEnd - start - 5);
    if (value !== undefined) {
      writeUint32(bytes, keyEnd, value.length);
      bytes.set(value, keyEnd + 4);
    }
    this.#end = value === undefined ? keyEnd : keyEnd + 4 + value.length;
  }

  /** What was appended so far is a whole batch. @returns false when there is nothing new in it. */
  endBatch(): boolean {
    const isNew = this.#batchEnd !== this.#end;
    this.#batchEnd = this.#end;
    return isNew;
  }

  /** The writes from `position` on, those of the open batch as well, as views that last until the next change. */
  writesFrom(position: number): Iterable<StoredWrite> {
    return readWrites(this.#bytes.subarray(position, this.#end));
  }

  /** Gives the open batch to `other`, behind what that has: what is left is to be sealed. */
  moveOpenBatch(other: FrameWriter): void {
    other.#appendBytes(this.#bytes.subarray(this.#batchEnd, this.#end));
    this.#end = this.#batchEnd;
  }

  /** The frame of all that was appended, in whole sectors. */
  seal(header: FrameHeader): Uint8Array {
    const bodyEnd = this.#end;
    this.#reserve(paddingOf(bodyEnd));
    const bytes = this.#bytes;
    bytes.fill(0, bodyEnd, bodyEnd + paddingOf(bodyEnd));
    writeUint32(bytes, 0, MAGIC);
    writeUint32(bytes, LENGTH_AT, bodyEnd - FRAME_HEADER_BYTES);
    bytes.set(fromHex(header.epoch), LENGTH_AT + 4);
    writeUint64(bytes, LENGTH_AT + 12, header.sequence);
    writeUint64(bytes, LENGTH_AT + 20, header.storedSequence);
    writeUint32(bytes, CHECKSUM_AT, checksumOf(bytes, 0, bodyEnd));
    return bytes.subarray(0, bodyEnd + paddingOf(bodyEnd));
  }

  /** Its memory, for another writer to use; this one is not used any more. */
  release(): Uint8Array {
    return this.#bytes;
  }

  #appendBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #reserve(count: number): void {
    if (this.#end + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#end + count, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
  }
}

/** The bytes of a frame with one batch. */
export function encodeFrame(header: FrameHeader, writes: Iterable<Write>): Uint8Array {
  const writer = new FrameWriter();
  for (const { table, key, value } of writes) writer.append(table, key, value);
  return writer.seal(header);
}

/** The frame at `start` of `bytes`, as views on them; undefined when there is none that is whole. */
export function decodeFrame(bytes: Uint8Array, start: number): Frame | undefined {
  if (start + FRAME_HEADER_BYTES > bytes.length || readUint32(bytes, start) !== MAGIC) return undefined;
  const end = start + FRAME_HEADER_BYTES + readUint32(bytes, start + LENGTH_AT);
  if (end > bytes.length || readUint32(bytes, start + CHECKSUM_AT) !== checksumOf(bytes, start, end)) return undefined;
  const reader = new ByteReader(bytes, start + LENGTH_AT + 4, end);
  const epoch = toHex(reader.take(8));
  const sequence = readUint64(reader);
  const storedSequence = readUint64(reader);
  return { epoch, sequence, storedSequence, body: reader.rest(), sizeBytes: end - start + paddingOf(end - start) };
}

/** The epoch that a frame's header names; the frame may be a torn one. */
export function epochOf(header: Uint8Array): string | undefined {
  return readUint32(header, 0) === MAGIC ? toHex(header.subarray(LENGTH_AT + 4, LENGTH_AT + 12)) : undefined;
}

/** The writes of a frame's body, as views on it. */
export function* readWrites(body: Uint8Array): Generator<StoredWrite, void, undefined> {
  const reader = new ByteReader(body);
  while (reader.remaining > 0) {
    const tag = reader.uint8();
    const keyBytes = reader.take(reader.uint32());
    const value = (tag & DELETE_FLAG) === 0 ? reader.take(reader.uint32()) : undefined;
    yield { tableNumber: tag & ~DELETE_FLAG, keyBytes, value };
  }
}

function checksumOf(bytes: Uint8Array, start: number, end: number): number {
  return crc32(bytes.subarray(start + LENGTH_AT, end));
}

function paddingOf(length: number): number {
  return (SECTOR_BYTES - (length % SECTOR_BYTES)) % SECTOR_BYTES;
}

function writeUint64(bytes: Uint8Array, at: number, value: number): void {
  writeUint32(bytes, at, Math.floor(value / 0x1_0000_0000));
  writeUint32(bytes, at + 4, value >>> 0);
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  writeUint16(bytes, at, value >>> 16);
  writeUint16(bytes, at + 2, value & 0xffff);
}

function readUint64(reader: ByteReader): number {
  return reader.uint32() * 0x1_0000_0000 + reader.uint32();
}
