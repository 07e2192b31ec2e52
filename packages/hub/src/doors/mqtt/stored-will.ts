import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import { decodeProperties, encodeProperties, type QoS, type Will } from "@isthmus/mqtt/codec";
import type { Identity } from "../../access/access.js";

/** A will as the store remembers it: it outlives the hub, also that of a session which ends with its connection. */
export interface StoredWill {
  readonly will: Will;
  /** Who is to be asked about when it is published. */
  readonly identity: Identity;
  /** When the connection ended, in milliseconds since 1970; undefined when the hub ended first. */
  readonly leftAt: number | undefined;
}

/** A will at rest. */
interface WillRecord {
  readonly topic: string;
  readonly payload: string;
  readonly properties: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly identity: Identity;
  readonly leftAt?: number | undefined;
}

export function encodeStoredWill({ will, identity, leftAt }: StoredWill): Uint8Array {
  const { topic, qos, retain, payload, properties } = will;
  // What the client has shown to get in is nobody's to find.
  const { credential: _credential, ...rest } = identity;
  const record: WillRecord = {
    topic,
    qos,
    retain,
    payload: toBase64(payload),
    properties: toBase64(encodeProperties(properties ?? {}, "will")),
    identity: rest,
    leftAt,
  };
  return encodeUtf8(JSON.stringify(record));
}

export function decodeStoredWill(bytes: Uint8Array): StoredWill {
  // Written by encodeStoredWill alone.
  const { payload, properties, identity, leftAt, ...will } = JSON.parse(decodeUtf8(bytes)) as WillRecord;
  const propertyBytes = Buffer.from(properties, "base64");
  return {
    will: {
      ...will,
      payload: Buffer.from(payload, "base64"),
      properties: decodeProperties(propertyBytes, 0, propertyBytes.length, "will"),
    },
    identity,
    leftAt,
  };
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
