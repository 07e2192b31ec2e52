import type { Packet, PublishPacket } from "@isthmus/mqtt/codec";
import type { HopMark } from "./hop-mark.js";
import type { PacketPort, PacketPortOwner } from "./packet-port.js";
import type { TopicMap } from "./topic-map.js";

/** What a {@link Relay} works with. */
export interface RelayOptions {
  readonly near: PacketPort;
  readonly far: PacketPort;
  /** From `near` to `far`. */
  readonly topics: TopicMap;
  /** What to do with the marks of messages on their way from `near`. */
  readonly marks: { readonly hopMark: HopMark; readonly action: "add" | "check" };
  /** Whether `far` keeps retained messages. */
  readonly retainAvailable: boolean;
  /** Told of what is no message and no acknowledgement of one. */
  readonly handleOther: (packet: Packet) => void;
}

/**
 * One direction of a bridge. It remembers nothing: packet identifiers stay as they are, so that each side's session keeps
 * what is in flight through the other's, acknowledges to whom it concerns, and a message is sent again, or not, as
 * between two ends of one connection (4.3, 4.4).
 */
export class Relay implements PacketPortOwner {
  readonly #options: RelayOptions;
  readonly #handleClose: (error: Error | undefined) => void;

  constructor(options: RelayOptions, handleClose: (error: Error | undefined) => void) {
    this.#options = options;
    this.#handleClose = handleClose;
  }

  handlePacket(packet: Packet): void {
    switch (packet.type) {
      case "publish":
        this.#publish(packet);
        return;
      case "puback":
      case "pubrec":
      case "pubrel":
      case "pubcomp": {
        const { type, packetIdentifier, reasonCode } = packet;
        this.#options.far.send({ type, packetIdentifier, reasonCode });
        return;
      }
      case "connect":
      case "connack":
      case "subscribe":
      case "suback":
      case "unsubscribe":
      case "unsuback":
      case "pingreq":
      case "pingresp":
      case "disconnect":
      case "auth":
        this.#options.handleOther(packet);
    }
  }

  /** The near side takes no more: the far side is not read until it does. */
  handleCongestion(isCongested: boolean): void {
    this.#options.far.setPaused(isCongested);
  }

  handleClose(error: Error | undefined): void {
    this.#handleClose(error);
  }

  #publish(packet: PublishPacket): void {
    const { near, far, topics, marks, retainAvailable } = this.#options;
    const topic = topics.translate(packet.topic);
    const isStopped = marks.action === "check" && marks.hopMark.isCircling(packet.properties);
    if (topic === undefined || isStopped) {
      this.#acknowledge(packet);
      return;
    }
    const { qos, dup, packetIdentifier, payload } = packet;
    const properties = near.version === 5 && far.version === 5 ? this.#propertiesOf(packet) : undefined;
    const retain = packet.retain && retainAvailable;
    far.send({ type: "publish", topic, payload, qos, retain, dup, packetIdentifier, properties });
  }

  /** Those that the far side is to have: subscription identifiers and aliases are between the hub and this bridge. */
  #propertiesOf({ properties }: PublishPacket): PublishPacket["properties"] {
    const { hopMark, action } = this.#options.marks;
    const marked = action === "add" ? hopMark.add(properties) : properties;
    return marked && { ...marked, subscriptionIdentifiers: undefined, topicAlias: undefined };
  }

  /** A message that ends here: whoever sent it is to forget it. */
  #acknowledge({ qos, packetIdentifier }: PublishPacket): void {
    if (packetIdentifier === undefined || qos === 0) return;
    this.#options.near.send({ type: qos === 1 ? "puback" : "pubrec", packetIdentifier, reasonCode: 0 });
  }
}
