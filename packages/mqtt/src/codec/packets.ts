import type { Properties } from "./properties.js";

/** The protocol level byte of CONNECT: 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5.0. [MQTT-3.1.2-1] */
export type ProtocolVersion = 3 | 4 | 5;

/** Quality of service: 0 at most once, 1 at least once, 2 exactly once. */
export type QoS = 0 | 1 | 2;

/** CONNECT (3.1): the first packet of a client. */
export interface ConnectPacket {
  readonly type: "connect";
  readonly protocolVersion: ProtocolVersion;
  /** Empty asks the server to assign one. */
  readonly clientId: string;
  /** Clean Start in MQTT 5.0, Clean Session before. */
  readonly cleanStart: boolean;
  /** Seconds; 0 turns keep alive off. */
  readonly keepAlive: number;
  readonly username?: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly will?: Will | undefined;
  readonly properties?: Properties | undefined;
  /** True for the connection of a bridge that sets bit 7 of the protocol level (mosquitto, before MQTT 5.0). */
  readonly isBridge?: boolean | undefined;
}

/** What the server publishes for a client that goes without DISCONNECT (3.1.3.2 to 3.1.3.4). */
export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: Properties | undefined;
}

/** CONNACK (3.2). `reasonCode` is a return code (0 to 5) before MQTT 5.0. */
export interface ConnackPacket {
  readonly type: "connack";
  readonly sessionPresent: boolean;
  readonly reasonCode: number;
  readonly properties?: Properties | undefined;
}

/** PUBLISH (3.3). `topic` is empty when a topic alias stands for it. */
export interface PublishPacket {
  readonly type: "publish";
  readonly topic: string;
  /** A view on the bytes that came in: copy what is kept longer than the packet. */
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 1 to 65,535 for QoS 1 and 2; undefined for QoS 0. [MQTT-2.2.1-2] */
  readonly packetIdentifier?: number | undefined;
  readonly properties?: Properties | undefined;
}

/** PUBACK (3.4), PUBREC (3.5), PUBREL (3.6), PUBCOMP (3.7). Before MQTT 5.0 the reason code is always 0. */
export interface AcknowledgementPacket {
  readonly type: "puback" | "pubrec" | "pubrel" | "pubcomp";
  readonly packetIdentifier: number;
  readonly reasonCode: number;
  readonly properties?: Properties | undefined;
}

/** SUBSCRIBE (3.8). */
export interface SubscribePacket {
  readonly type: "subscribe";
  readonly packetIdentifier: number;
  /** At least one. [MQTT-3.8.3-2] */
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly properties?: Properties | undefined;
}

/** One topic filter of a SUBSCRIBE with its options (3.8.3.1); before MQTT 5.0 only `qos` travels. */
export interface SubscriptionRequest {
  readonly topicFilter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0 sends retained messages, 1 only for a new subscription, 2 never. */
  readonly retainHandling: 0 | 1 | 2;
}

/** SUBACK (3.9): one reason code for each filter, in order. */
export interface SubackPacket {
  readonly type: "suback";
  readonly packetIdentifier: number;
  readonly reasonCodes: readonly number[];
  readonly properties?: Properties | undefined;
}

/** UNSUBSCRIBE (3.10). */
export interface UnsubscribePacket {
  readonly type: "unsubscribe";
  readonly packetIdentifier: number;
  /** At least one. [MQTT-3.10.3-2] */
  readonly topicFilters: readonly string[];
  readonly properties?: Properties | undefined;
}

/** UNSUBACK (3.11). `reasonCodes` is empty before MQTT 5.0. */
export interface UnsubackPacket {
  readonly type: "unsuback";
  readonly packetIdentifier: number;
  readonly reasonCodes: readonly number[];
  readonly properties?: Properties | undefined;
}

/** PINGREQ (3.12). */
export interface PingreqPacket {
  readonly type: "pingreq";
}

/** PINGRESP (3.13). */
export interface PingrespPacket {
  readonly type: "pingresp";
}

/** DISCONNECT (3.14); only clients send it before MQTT 5.0, and its reason code is then 0. */
export interface DisconnectPacket {
  readonly type: "disconnect";
  readonly reasonCode: number;
  readonly properties?: Properties | undefined;
}

/** AUTH (3.15), MQTT 5.0 only. */
export interface AuthPacket {
  readonly type: "auth";
  readonly reasonCode: number;
  readonly properties?: Properties | undefined;
}

export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | AcknowledgementPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;

export type PacketType = Packet["type"];
