import { decodeUtf8, Utf8Error } from "@isthmus/bytes";
import type { Message } from "@isthmus/exchange";

/** A message as a value that JSON and CBOR can express: what says its topic beside its payload. */
export interface MessageForm {
  readonly topic: string;
  /** Text where the payload is UTF-8; bytes in CBOR. */
  readonly payload?: string | Uint8Array;
  /** In JSON, for a payload that is not UTF-8. */
  readonly payloadBase64?: string;
  readonly contentType?: string;
  readonly qos: number;
  readonly retain: boolean;
  /** RFC 3339, to the millisecond. */
  readonly publishedAt: string;
  readonly expiresAt?: string;
  /** The door that it came in by: mqtt, coap, http, hub. */
  readonly door: string;
  readonly responseTopic?: string;
  readonly correlationDataBase64?: string;
  readonly correlationData?: Uint8Array;
  readonly userProperties?: readonly (readonly [name: string, value: string])[];
}

/** The message for JSON: text as text, other bytes in base64. */
export function jsonFormOf(message: Message): MessageForm {
  const text = textOf(message.payload);
  const correlationData = message.properties?.correlationData;
  return {
    topic: message.topic,
    ...(text === undefined ? { payloadBase64: base64(message.payload) } : { payload: text }),
    ...envelopeOf(message),
    ...(correlationData && { correlationDataBase64: base64(correlationData) }),
  };
}

/** The message for CBOR: the payload as a byte string, whatever it is. */
export function cborFormOf(message: Message): MessageForm {
  const correlationData = message.properties?.correlationData;
  return {
    topic: message.topic,
    payload: message.payload,
    ...envelopeOf(message),
    ...(correlationData && { correlationData }),
  };
}

/** The payload as text; undefined when it is not UTF-8. */
export function textOf(payload: Uint8Array): string | undefined {
  try {
    return decodeUtf8(payload);
  } catch (error) {
    if (error instanceof Utf8Error) return undefined;
    throw error;
  }
}

function envelopeOf({ properties, qos, retain, publishedAt, expiresAt, origin }: Message) {
  const { contentType, responseTopic, userProperties } = properties ?? {};
  return {
    ...(contentType !== undefined && { contentType }),
    qos,
    retain,
    publishedAt: new Date(publishedAt).toISOString(),
    ...(Number.isFinite(expiresAt) && { expiresAt: new Date(expiresAt).toISOString() }),
    door: origin.door,
    ...(responseTopic !== undefined && { responseTopic }),
    ...(userProperties !== undefined && userProperties.length > 0 && { userProperties }),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
