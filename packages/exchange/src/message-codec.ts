import { ByteReader, ByteWriter, decodeUtf8 } from "@isthmus/bytes";
import { createMessage, type Message, type MessageProperties, type Origin, type QoS } from "./message.js";

/*
 * A message at rest:
 *
 *    0      1     2 .. 9         10 .. 17      then
 *   +------+-----+--------------+-------------+-------+---------+---------+--------
 *   | form | QoS | published at | expires at  | topic | origin  | present | payload
 *   |  1   | +80 | ms, u64      | ms, 0 never | text  | 2 texts | + those | to the end
 *   +------+-----+--------------+-------------+-------+---------+---------+--------
 *
 * QoS has 0x80 added for the retain flag. A text or byte run has its length as 32 bits before it.
 */
const FORM = 1;
const RETAIN_FLAG = 0x80;

/** Bits of the "present" byte, one for each optional property. */
const PRESENT = {
  isUtf8: 0x01,
  contentType: 0x02,
  responseTopic: 0x04,
  correlationData: 0x08,
  userProperties: 0x10,
} as const;

/** The bytes of `message` at rest; {@link decodeMessage} gives it back. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter(96 + 3 * (message.topic.length + message.origin.name.length) + message.payloadBytes);
  writer.uint8(FORM).uint8(message.qos | (message.retain ? RETAIN_FLAG : 0));
  writeUint64(writer, message.publishedAt);
  writeUint64(writer, Number.isFinite(message.expiresAt) ? message.expiresAt : 0);
  writer.text32(message.topic);
  writer.text32(message.origin.door);
  writer.text32(message.origin.name);
  writeProperties(writer, message.properties ?? {});
  return writer.append(message.payload).view();
}

/** What many messages that are decoded together have in common. */
interface DecodingPool {
  origin(door: string, name: string): Origin;
  keep(payload: Uint8Array): Uint8Array;
}

const ALONE: DecodingPool = {
  origin: (door, name) => ({ door, name }),
  keep: (payload) => payload,
};

const SLAB_BYTES = 64 * 1024;

/**
 * For messages that stay, as the retained ones at the start: a payload in a buffer of its own takes three times as much
 * memory as one among others. What is replaced later is freed with the last of its slab.
 */
export class SharedMemory implements DecodingPool {
  readonly #originByName = new Map<string, Origin>();
  #slab = new Uint8Array(0);
  #used = 0;

  origin(door: string, name: string): Origin {
    const known = this.#originByName.get(name);
    if (known?.door === door) return known;
    const origin = { door, name };
    this.#originByName.set(name, origin);
    return origin;
  }

  keep(payload: Uint8Array): Uint8Array {
    if (payload.length > SLAB_BYTES / 8) return payload.slice();
    if (this.#used + payload.length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += payload.length;
    this.#slab.set(payload, start);
    return this.#slab.subarray(start, this.#used);
  }
}

/**
 * @throws ShortReadError when the bytes are cut short.
 * @throws RangeError when they are of a form that this version does not know.
 */
export function decodeMessage(bytes: Uint8Array, pool: DecodingPool = ALONE): Message {
  const reader = new ByteReader(bytes);
  const form = reader.uint8();
  if (form !== FORM) throw new RangeError(`stored message has form ${form}, this version reads form ${FORM}`);
  const flags = reader.uint8();
  const publishedAt = readUint64(reader);
  const expiresAt = readUint64(reader);
  return createMessage({
    // Two bits, and the encoder never writes a three.
    qos: (flags & 0x03) as QoS,
    retain: (flags & RETAIN_FLAG) !== 0,
    publishedAt,
    expiresAt: expiresAt === 0 ? Number.POSITIVE_INFINITY : expiresAt,
    topic: readText(reader),
    origin: pool.origin(readText(reader), readText(reader)),
    properties: readProperties(reader),
    payload: pool.keep(reader.rest()),
  });
}

function writeProperties(writer: ByteWriter, properties: MessageProperties): void {
  let present = 0;
  if (properties.isUtf8 === true) present |= PRESENT.isUtf8;
  if (properties.contentType !== undefined) present |= PRESENT.contentType;
  if (properties.responseTopic !== undefined) present |= PRESENT.responseTopic;
  if (properties.correlationData !== undefined) present |= PRESENT.correlationData;
  if (properties.userProperties !== undefined) present |= PRESENT.userProperties;
  writer.uint8(present);
  if (properties.contentType !== undefined) writer.text32(properties.contentType);
  if (properties.responseTopic !== undefined) writer.text32(properties.responseTopic);
  if (properties.correlationData !== undefined) writeRun(writer, properties.correlationData);
  if (properties.userProperties === undefined) return;
  writer.uint32(properties.userProperties.length);
  for (const [name, value] of properties.userProperties) {
    writer.text32(name);
    writer.text32(value);
  }
}

function readProperties(reader: ByteReader): MessageProperties | undefined {
  const present = reader.uint8();
  if (present === 0) return undefined;
  return {
    isUtf8: (present & PRESENT.isUtf8) !== 0 ? true : undefined,
    contentType: (present & PRESENT.contentType) !== 0 ? readText(reader) : undefined,
    responseTopic: (present & PRESENT.responseTopic) !== 0 ? readText(reader) : undefined,
    correlationData: (present & PRESENT.correlationData) !== 0 ? readRun(reader) : undefined,
    userProperties: (present & PRESENT.userProperties) !== 0 ? readPairs(reader) : undefined,
  };
}

function readPairs(reader: ByteReader): (readonly [string, string])[] {
  const count = reader.uint32();
  const pairs: (readonly [string, string])[] = [];
  for (let i = 0; i < count; i++) pairs.push([readText(reader), readText(reader)]);
  return pairs;
}

function writeRun(writer: ByteWriter, run: Uint8Array): void {
  writer.uint32(run.length).append(run);
}

function readRun(reader: ByteReader): Uint8Array {
  return reader.take(reader.uint32());
}

function readText(reader: ByteReader): string {
  return decodeUtf8(readRun(reader));
}

function writeUint64(writer: ByteWriter, value: number): void {
  const whole = Math.floor(value);
  writer.uint32(Math.floor(whole / 0x1_0000_0000)).uint32(whole % 0x1_0000_0000);
}

function readUint64(reader: ByteReader): number {
  return reader.uint32() * 0x1_0000_0000 + reader.uint32();
}
