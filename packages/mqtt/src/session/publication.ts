import { byteAt, writeUint16 } from "@isthmus/bytes";
import type { ProtocolVersion, QoS } from "../codec/packets.js";
import { variableByteIntegerSize, writeVariableByteInteger } from "../codec/variable-byte-integer.js";
import type { Outbox } from "./outbox.js";
import type { TopicAlias } from "./outbound-topic-aliases.js";

/** A message as a server session sends it: what is the same for all its receivers, encoded once. */
export interface Publication {
  readonly topic: string;
  readonly topicBytes: Uint8Array;
  readonly payloadSource: Uint8Array;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  /**
   * The MQTT 5.0 properties as encoded, without their length and without those that differ from receiver to receiver:
   * topic alias, subscription identifiers, message expiry interval.
   */
  readonly propertyBytes: Uint8Array;
  /** Milliseconds since 1970 after which it is not sent any more; Infinity when it does not expire. */
  readonly expiresAt: number;
}

/** What differs from receiver to receiver. */
export interface PublishForm {
  readonly version: ProtocolVersion;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 0 with QoS 0. */
  readonly packetIdentifier: number;
  readonly identifiers: readonly number[] | undefined;
  /** MQTT 5.0 only. */
  readonly alias: TopicAlias | undefined;
}

/** A payload up to this many bytes is copied next to its header. */
const INLINE_PAYLOAD = 4096;
const PUBLISH = 0x30;
const MESSAGE_EXPIRY_INTERVAL = 0x02;
const SUBSCRIPTION_IDENTIFIER = 0x0b;
const TOPIC_ALIAS = 0x23;

/** Bytes of the frame that {@link writePublication} makes. */
export function publicationSize(publication: Publication, form: PublishForm): number {
  const remainingLength = remainingLengthOf(publication, form);
  return 1 + variableByteIntegerSize(remainingLength) + remainingLength;
}

/**
 * Appends a PUBLISH frame (3.3) to `outbox`: header, topic, identifier and properties in the staging buffer, the
 * payload beside them or by reference. It allocates nothing.
 *
 * @param now milliseconds since 1970: the message expiry interval sent is what is left of it. [MQTT-3.3.2-6]
 */
export function writePublication(outbox: Outbox, publication: Publication, form: PublishForm, now: number): void {
  const { payloadSource, payloadStart, payloadEnd } = publication;
  const remainingLength = remainingLengthOf(publication, form);
  const payloadBytes = payloadEnd - payloadStart;
  const isInline = payloadBytes <= INLINE_PAYLOAD;
  const topicLength = topicLengthOf(publication, form);
  const headerBytes = 1 + variableByteIntegerSize(remainingLength) + remainingLength - payloadBytes;
  let at = outbox.reserve(isInline ? headerBytes + payloadBytes : headerBytes);
  const target = outbox.staging;
  target[at++] = PUBLISH | (form.dup ? 0x08 : 0) | (form.qos << 1) | (form.retain ? 0x01 : 0);
  at = writeVariableByteInteger(target, at, remainingLength);
  writeUint16(target, at, topicLength);
  at = copyBytes(target, at + 2, publication.topicBytes, 0, topicLength);
  if (form.qos !== 0) {
    writeUint16(target, at, form.packetIdentifier);
    at += 2;
  }
  if (form.version === 5) at = writeProperties(target, at, publication, form, now);
  if (isInline) copyBytes(target, at, payloadSource, payloadStart, payloadEnd);
  else outbox.append(payloadSource, payloadStart, payloadEnd);
}

function remainingLengthOf(publication: Publication, form: PublishForm): number {
  const payloadBytes = publication.payloadEnd - publication.payloadStart;
  const length = 2 + topicLengthOf(publication, form) + (form.qos === 0 ? 0 : 2) + payloadBytes;
  if (form.version !== 5) return length;
  const propertyLength = propertyLengthOf(publication, form);
  return length + variableByteIntegerSize(propertyLength) + propertyLength;
}

/** Bytes of the topic: none once an alias stands for it. */
function topicLengthOf({ topicBytes }: Publication, { alias }: PublishForm): number {
  return alias?.isEstablished === true ? 0 : topicBytes.length;
}

function propertyLengthOf(publication: Publication, form: PublishForm): number {
  let length = publication.propertyBytes.length;
  if (publication.expiresAt !== Number.POSITIVE_INFINITY) length += 5;
  if (form.alias !== undefined) length += 3;
  if (form.identifiers === undefined) return length;
  for (const identifier of form.identifiers) length += 1 + variableByteIntegerSize(identifier);
  return length;
}

function writeProperties(
  target: Uint8Array,
  offset: number,
  publication: Publication,
  form: PublishForm,
  now: number,
): number {
  const { propertyBytes, expiresAt } = publication;
  let at = writeVariableByteInteger(target, offset, propertyLengthOf(publication, form));
  at = copyBytes(target, at, propertyBytes, 0, propertyBytes.length);
  if (expiresAt !== Number.POSITIVE_INFINITY) {
    const seconds = Math.min(0xffff_ffff, Math.max(1, Math.ceil((expiresAt - now) / 1000)));
    target[at++] = MESSAGE_EXPIRY_INTERVAL;
    writeUint16(target, at, seconds >>> 16);
    writeUint16(target, at + 2, seconds & 0xffff);
    at += 4;
  }
  if (form.alias !== undefined) {
    target[at++] = TOPIC_ALIAS;
    writeUint16(target, at, form.alias.topicAlias);
    at += 2;
  }
  if (form.identifiers === undefined) return at;
  for (const identifier of form.identifiers) {
    target[at++] = SUBSCRIPTION_IDENTIFIER;
    at = writeVariableByteInteger(target, at, identifier);
  }
  return at;
}

/** Below this length a loop is faster than the call into `set`. */
const LOOP_LIMIT = 32;

function copyBytes(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > LOOP_LIMIT) target.set(source.subarray(start, end), at);
  else for (let i = 0; i < length; i++) target[at + i] = byteAt(source, start + i);
  return at + length;
}
