import { encodeUtf8 } from "@isthmus/bytes";
import type { Message, Origin, Topic } from "@isthmus/exchange";
import { type ConnectPacket, encodeProperties, type Will } from "@isthmus/mqtt/codec";
import type { Identity, Refusal } from "../../access/access.js";
import type { MqttDoor } from "./mqtt-door.js";
import { expiryOf, MqttMessage } from "./mqtt-message.js";

/** A will that is published when its client goes without a word, see section 3.1.2.5. */
export interface PendingWill {
  readonly will: Will;
  readonly identity: Identity;
  /** Milliseconds from the loss of the connection. */
  readonly delayMs: number;
  /** @param origin the session of the client. */
  publish(origin: Origin): void;
}

/**
 * The will of a CONNECT; undefined when it has none.
 *
 * @throws MqttProtocolError when nothing can be published to its topic: better now than when its client is gone.
 */
export function willFromConnect(door: MqttDoor, identity: Identity, packet: ConnectPacket): PendingWill | undefined {
  if (packet.will === undefined) return undefined;
  // The packet is a view on what came in; the will may wait for days.
  return pendingWill(door, identity, { ...packet.will, payload: packet.will.payload.slice() });
}

/** A will that waits. @throws MqttProtocolError when nothing can be published to its topic. */
export function pendingWill(door: MqttDoor, identity: Identity, will: Will): PendingWill {
  const topicBytes = encodeUtf8(will.topic);
  const topic = door.exchange.topics.intern(topicBytes, 0, topicBytes.length);
  return {
    will,
    identity,
    delayMs: (will.properties?.willDelayInterval ?? 0) * 1000,
    publish: (origin) => publishWill(door, origin, identity, topic, will),
  };
}

function publishWill(door: MqttDoor, origin: Origin, identity: Identity, topic: Topic, will: Will): void {
  const { clock, log } = door;
  if (!door.access.mayPublish(identity, topic)) {
    log.warn({ client: origin.name, topic: topic.name, reason: "not authorized" }, "will refused");
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
    origin,
    clock.epoch,
    expiryOf(will.properties, clock.epoch),
  );
  const hooks = door.hooks?.sees(message.topic) === true ? door.hooks : undefined;
  const client = { door: "mqtt", name: origin.name, identity, address: undefined };
  const verdict = hooks?.publish(client, message) ?? message;
  if (verdict instanceof Promise) void verdict.then((known) => publishAllowed(door, known));
  else publishAllowed(door, verdict);
}

function publishAllowed({ exchange, log, metrics, flushScheduler }: MqttDoor, verdict: Message | Refusal): void {
  if ("reasonCode" in verdict) {
    metrics.messagesRefused.add("hook");
    log.warn({ reason: verdict.reason }, "will refused");
    return;
  }
  exchange.publishMessage(verdict);
  flushScheduler.arm();
}
