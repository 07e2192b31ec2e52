import { encodeUtf8 } from "@isthmus/bytes";
import { type ConnectPacket, encodeProperties, type Will } from "@isthmus/mqtt/codec";
import type { Identity } from "../../access/access.js";
import type { MqttDoor } from "./mqtt-door.js";
import { expiryOf, MqttMessage } from "./mqtt-message.js";
import type { MqttSession } from "./mqtt-session.js";

/** A will that is published when its client goes without a word, see section 3.1.2.5. */
export interface PendingWill {
  /** Milliseconds from the loss of the connection. */
  readonly delayMs: number;
  publish(): void;
}

/** The will of a CONNECT; undefined when it has none. */
export function willFromConnect(
  door: MqttDoor,
  session: MqttSession,
  identity: Identity,
  packet: ConnectPacket,
): PendingWill | undefined {
  if (packet.will === undefined) return undefined;
  // The packet is a view on what came in; the will may wait for days.
  const will: Will = { ...packet.will, payload: packet.will.payload.slice() };
  return {
    delayMs: (will.properties?.willDelayInterval ?? 0) * 1000,
    publish: () => publishWill(door, session, identity, will),
  };
}

function publishWill(door: MqttDoor, session: MqttSession, identity: Identity, will: Will): void {
  const { exchange, clock, log } = door;
  const topicBytes = encodeUtf8(will.topic);
  const topic = exchange.topics.intern(topicBytes, 0, topicBytes.length);
  if (!door.access.mayPublish(identity, topic)) {
    log.warn({ client: session.clientId, topic: topic.name, reason: "not authorized" }, "will refused");
    return;
  }
  const { willDelayInterval: _delay, messageExpiryInterval: _expiry, ...lasting } = will.properties ?? {};
  const message = new MqttMessage(
    topic,
    will.payload,
    0,
    will.payload.length,
    encodeProperties(lasting, "publish"),
    will.qos,
    will.retain,
    session.origin,
    clock.epoch,
    expiryOf(will.properties, clock.epoch),
  );
  exchange.publish(topic, message);
}
