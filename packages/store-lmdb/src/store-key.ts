import { createHash } from "node:crypto";
import { byteAt, ByteReader, concatBytes, decodeUtf8, writeUtf8 } from "@isthmus/bytes";
import type { StoreKey } from "@isthmus/exchange";

/*
 * A key as bytes that order as the key does, part after part:
 *
 *   number   0x01 + n, then its n significant bytes, most significant first (n is 0 to 7)
 *   text     0x20, its UTF-8, 0x00
 *
 * No part's bytes begin with another's of the same shape, so that the keys with a prefix of whole parts are those whose
 * bytes begin with the prefix's.
 */
const NUMBER_TAG = 0x01;
const TEXT_TAG = 0x20;
const TEXT_END = 0x00;
/** Does not occur in UTF-8: behind it is the digest of a text that is too long for a table's key. */
const DIGEST_MARK = 0xff;
const DIGEST_BYTES = 32;
const MOST_NUMBER_BYTES = 8;

/** LMDB takes keys of up to 1,978 bytes: room for two long texts and two numbers. */
const MAX_TABLE_KEY_BYTES = 1978;
const KEPT_TEXT_BYTES = 900;

/** Bytes that the key takes at the most. */
export function mostKeyBytes(key: StoreKey): number {
  let most = 0;
  for (const part of key) most += typeof part === "number" ? MOST_NUMBER_BYTES : 2 + 3 * part.length;
  return most;
}

/**
 * Writes `key` into `bytes`, where {@link mostKeyBytes} must fit.
 *
 * @returns where it ends.
 * @throws RangeError for a number that is not an integer from 0 to 2^53 - 1, Utf8Error for a text without a UTF-8 form.
 */
export function writeKey(bytes: Uint8Array, start: number, key: StoreKey): number {
  let at = start;
  for (const part of key) {
    if (typeof part === "number") at = writeNumber(bytes, at, part);
    else {
      bytes[at] = TEXT_TAG;
      at = writeUtf8(bytes, at + 1, part);
      bytes[at++] = TEXT_END;
    }
  }
  return at;
}

/** @throws RangeError, Utf8Error as {@link writeKey} does. */
export function encodeKey(key: StoreKey): Uint8Array {
  const bytes = new Uint8Array(mostKeyBytes(key));
  return bytes.subarray(0, writeKey(bytes, 0, key));
}

/** The inverse of {@link encodeKey}. @throws RangeError, ShortReadError or Utf8Error for bytes that are no key. */
export function decodeKey(bytes: Uint8Array): StoreKey {
  const reader = new ByteReader(bytes);
  const parts: (string | number)[] = [];
  while (reader.remaining > 0) {
    const tag = reader.uint8();
    if (tag === TEXT_TAG) {
      const end = endOfText(bytes, reader.offset);
      parts.push(decodeUtf8(reader.take(end - reader.offset)));
      reader.skip(1);
    } else parts.push(readNumber(reader, tag - NUMBER_TAG));
  }
  return parts;
}

/**
 * The key of a record in a table for the bytes of its key: the same unless a text is too long. Of such a text it has the
 * first 900 bytes and a digest: the order is kept but for texts that begin with the same 900 bytes.
 */
export function tableKeyOf(keyBytes: Uint8Array): Uint8Array {
  if (keyBytes.length <= KEPT_TEXT_BYTES) return keyBytes;
  const parts: Uint8Array[] = [];
  for (let at = 0; at < keyBytes.length;) {
    const end = endOfPart(keyBytes, at);
    parts.push(shorten(keyBytes.subarray(at, end)));
    at = end;
  }
  const tableKey = concatBytes(parts);
  if (tableKey.length > MAX_TABLE_KEY_BYTES) throw new RangeError(`a key of ${parts.length} parts is too long`);
  return tableKey;
}

/** The first bytes behind all that begin with `prefix`; undefined when there are none. */
export function endOfPrefix(prefix: Uint8Array): Uint8Array | undefined {
  for (let at = prefix.length - 1; at >= 0; at--) {
    if (byteAt(prefix, at) === 0xff) continue;
    const end = prefix.slice(0, at + 1);
    end[at] = byteAt(prefix, at) + 1;
    return end;
  }
  return undefined;
}

function writeNumber(bytes: Uint8Array, start: number, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not an integer from 0 to 2^53 - 1`);
  const high = Math.floor(value / 0x1_0000_0000);
  const low = value >>> 0;
  const count = high > 0 ? 8 - (Math.clz32(high) >>> 3) : 4 - (Math.clz32(low) >>> 3);
  let at = start;
  bytes[at++] = NUMBER_TAG + count;
  for (let i = count - 1; i >= 0; i--) bytes[at++] = i >= 4 ? high >>> (8 * (i - 4)) : low >>> (8 * i);
  return at;
}

function readNumber(reader: ByteReader, count: number): number {
  if (count < 0 || count > 7)
    throw new RangeError(`a key's part cannot begin with 0x${(count + NUMBER_TAG).toString(16)}`);
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 256 + reader.uint8();
  return value;
}

function endOfPart(bytes: Uint8Array, start: number): number {
  const tag = byteAt(bytes, start);
  return tag === TEXT_TAG ? endOfText(bytes, start + 1) + 1 : start + 1 + (tag - NUMBER_TAG);
}

function endOfText(bytes: Uint8Array, start: number): number {
  const end = bytes.indexOf(TEXT_END, start);
  if (end < 0) throw new RangeError("a text in a key has no end");
  return end;
}

function shorten(part: Uint8Array): Uint8Array {
  if (byteAt(part, 0) !== TEXT_TAG || part.length - 2 <= KEPT_TEXT_BYTES) return part;
  const digest = createHash("sha256").update(part).digest().subarray(0, DIGEST_BYTES);
  return concatBytes([part.subarray(0, 1 + KEPT_TEXT_BYTES), Uint8Array.of(DIGEST_MARK), digest]);
}
