import { decodeUtf8, Utf8Error } from "@isthmus/bytes";
import type { Message } from "@isthmus/exchange";
import type { Loss } from "../loss-trace.js";

/** A message as the API tells of it, with its payload or without. */
export function viewMessage(message: Message, withPayload: boolean): object {
  const { topic, qos, retain, publishedAt, expiresAt, origin, payloadBytes } = message;
  return {
    topic,
    qos,
    retain,
    publishedAt: formatInstant(publishedAt),
    expiresAt: Number.isFinite(expiresAt) ? formatInstant(expiresAt) : undefined,
    publisher: { door: origin.door, name: origin.name },
    payloadBytes,
    ...(withPayload && viewPayload(message.payload)),
  };
}

export function viewLoss({ topic, reason, publisher, since, until, count }: Loss): object {
  return { topic, reason, publisher, since: formatInstant(since), until: formatInstant(until), count };
}

/** @param instant milliseconds since 1970 */
export function formatInstant(instant: number): string {
  return new Date(instant).toISOString();
}

function viewPayload(payload: Uint8Array): object {
  try {
    return { payload: decodeUtf8(payload) };
  } catch (error) {
    if (!(error instanceof Utf8Error)) throw error;
    return { payloadBase64: Buffer.from(payload).toString("base64") };
  }
}
