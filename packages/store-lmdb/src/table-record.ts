import { crc32 } from "node:zlib";
import { ByteReader, ByteWriter } from "@isthmus/bytes";
import type { StoreKey } from "@isthmus/exchange";
import { decodeKey, tableKeyOf } from "./store-key.js";

/*
 * A record in a table:
 *
 *    0 .. 3    4            then, if the table's key was shortened     then
 *   +---------+------------+------------------------------------------+-------
 *   | CRC-32  | key follows| length, u32, and the whole key           | value
 *   +---------+------------+------------------------------------------+-------
 *
 * The checksum is over the table's key and all that follows it: LMDB has none of its own.
 */
const CHECKSUM_BYTES = 4;
const KEY_IS_WHOLE = 0;
const KEY_FOLLOWS = 1;

/** A record of a table that is not what was written. */
export class DamagedRecordError extends Error {
  override readonly name = "DamagedRecordError";
}

export interface TableEntry {
  readonly tableKey: Uint8Array;
  readonly record: Uint8Array;
}

/** What a table holds for a key, given as bytes, and its value. */
export function encodeTableEntry(keyBytes: Uint8Array, value: Uint8Array): TableEntry {
  const tableKey = tableKeyOf(keyBytes);
  const writer = new ByteWriter(CHECKSUM_BYTES + 1 + value.length).uint32(0);
  if (tableKey === keyBytes) writer.uint8(KEY_IS_WHOLE);
  else writer.uint8(KEY_FOLLOWS).uint32(keyBytes.length).append(keyBytes);
  const record = writer.append(value).view();
  const checksum = checksumOf(tableKey, record);
  new DataView(record.buffer, record.byteOffset).setUint32(0, checksum);
  return { tableKey, record };
}

/** @throws DamagedRecordError */
export function decodeTableEntry(
  tableKey: Uint8Array,
  record: Uint8Array,
): readonly [key: StoreKey, value: Uint8Array] {
  if (record.length <= CHECKSUM_BYTES) throw new DamagedRecordError(`a record of ${record.length} bytes`);
  const reader = new ByteReader(record);
  if (reader.uint32() !== checksumOf(tableKey, record)) throw new DamagedRecordError("a record fails its checksum");
  const keyBytes = reader.uint8() === KEY_FOLLOWS ? reader.take(reader.uint32()) : tableKey;
  return [decodeKey(keyBytes), reader.rest()];
}

function checksumOf(tableKey: Uint8Array, record: Uint8Array): number {
  return crc32(record.subarray(CHECKSUM_BYTES), crc32(tableKey));
}
