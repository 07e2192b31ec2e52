import { encodeUtf8 } from "@isthmus/bytes";
import { encodePacket, type ProtocolVersion, publishSize, type QoS, writePublishFrame } from "@isthmus/mqtt/codec";

/** Whole PUBLISH frames back to back, ready to be written as they are, again and again. */
export interface FrameBatch {
  readonly bytes: Uint8Array;
  /** Frames in `bytes`, all of the same size. */
  readonly count: number;
  readonly frameSize: number;
}

/** What all PUBLISH frames of a run share. */
export interface PublishForm {
  readonly qos: QoS;
  readonly payloadSize: number;
  readonly version: ProtocolVersion;
}

const NO_PROPERTIES = new Uint8Array(0);
const SESSION_EXPIRY_SECONDS = 60;

/** One PUBLISH for each topic, which all have the same length; packet identifiers count from 1 for QoS 1 and 2. */
export function publishFrames(topics: readonly string[], { qos, payloadSize, version }: PublishForm): FrameBatch {
  const payload = new Uint8Array(payloadSize);
  for (let i = 0; i < payloadSize; i++) payload[i] = 0x20 + (i % 0x5f);
  const encodedTopics = topics.map(encodeUtf8);
  const frameSize = publishSize(encodedTopics[0]?.length ?? 0, payloadSize, qos << 1, 0, version);
  const bytes = new Uint8Array(frameSize * topics.length);
  encodedTopics.forEach((topic, i) => {
    const end = writePublishFrame(bytes, i * frameSize, topic, payload, qos << 1, i + 1, NO_PROPERTIES, version);
    if (end !== (i + 1) * frameSize) throw new RangeError(`topic ${topics[i]} is not as long as ${topics[0]}`);
  });
  return { bytes, count: topics.length, frameSize };
}

/** A CONNECT; with `isDurable` its session outlives the connection. */
export function connectFrame(clientId: string, version: ProtocolVersion, isDurable: boolean): Uint8Array {
  const cleanStart = !isDurable;
  const properties = isDurable && version === 5 ? { sessionExpiryInterval: SESSION_EXPIRY_SECONDS } : undefined;
  return encodePacket(
    { type: "connect", protocolVersion: version, clientId, cleanStart, keepAlive: 0, properties },
    version,
  );
}

/** A SUBSCRIBE for all `filters` at once. */
export function subscribeFrame(
  packetIdentifier: number,
  filters: readonly string[],
  qos: QoS,
  version: ProtocolVersion,
): Uint8Array {
  const subscriptions = filters.map((topicFilter) => ({
    topicFilter,
    qos,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0 as const,
  }));
  return encodePacket({ type: "subscribe", packetIdentifier, subscriptions }, version);
}
