import { crc32 } from "node:zlib";
import { ByteReader, ByteWriter, fromHex, readUint32, toHex } from "@isthmus/bytes";
import type { StoreKey, TableName } from "@isthmus/exchange";
import { writeKey } from "./store-key.js";
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

/** The bytes of a frame, whole sectors. @param capacity bytes that it is likely to take */
export function encodeFrame(header: FrameHeader, writes: Iterable<Write>, capacity = 4096): Uint8Array {
  const writer = new ByteWriter(capacity).uint32(MAGIC).uint32(0).uint32(0).append(fromHex(header.epoch));
  writeUint64(writer, header.sequence);
  writeUint64(writer, header.storedSequence);
  for (const write of writes) appendWrite(writer, write);
  const end = writer.length;
  writer.append(new Uint8Array(paddingOf(end)));
  writer.replaceUint32(LENGTH_AT, end - FRAME_HEADER_BYTES);
  return writer.replaceUint32(CHECKSUM_AT, checksumOf(writer.view(), 0, end)).view();
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

function appendWrite(writer: ByteWriter, { table, key, value }: Write): void {
  const lengthAt = writer.uint8(tableNumber(table) | (value === undefined ? DELETE_FLAG : 0)).length;
  writeKey(writer.uint32(0), key);
  writer.replaceUint32(lengthAt, writer.length - lengthAt - 4);
  if (value !== undefined) writer.uint32(value.length).append(value);
}

function checksumOf(bytes: Uint8Array, start: number, end: number): number {
  return crc32(bytes.subarray(start + LENGTH_AT, end));
}

function paddingOf(length: number): number {
  return (SECTOR_BYTES - (length % SECTOR_BYTES)) % SECTOR_BYTES;
}

function writeUint64(writer: ByteWriter, value: number): void {
  writer.uint32(Math.floor(value / 0x1_0000_0000)).uint32(value % 0x1_0000_0000);
}

function readUint64(reader: ByteReader): number {
  return reader.uint32() * 0x1_0000_0000 + reader.uint32();
}
