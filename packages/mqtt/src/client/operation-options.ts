import type { QoS } from "../codec/packets.js";
import type { Properties } from "../codec/properties.js";

/** How to publish. */
export interface PublishOptions {
  /** Default 0. */
  readonly qos?: QoS | undefined;
  /** Whether the server keeps it as the last message of its topic. Default false. */
  readonly retain?: boolean | undefined;
  /** MQTT 5.0 properties, such as `messageExpiryInterval`, `contentType`, `userProperties`. */
  readonly properties?: Properties | undefined;
  /** Gives up waiting. A message that was not sent yet is not sent any more. */
  readonly signal?: AbortSignal | undefined;
}

/** What became of a message. */
export interface PublishResult {
  /** 0 is success, 0x10 that nobody subscribes to the topic. Always 0 before MQTT 5.0 and for QoS 0. */
  readonly reasonCode: number;
  /** The properties of the server's acknowledgement. */
  readonly properties: Properties | undefined;
}

/** How to subscribe. */
export interface SubscribeOptions {
  /** The most that messages are to be delivered with. Default 0. */
  readonly qos?: QoS | undefined;
  /** Whether to leave out what this client publishes (MQTT 5.0). Default false. */
  readonly noLocal?: boolean | undefined;
  /** Whether messages keep the retain flag that they were published with (MQTT 5.0). Default false. */
  readonly retainAsPublished?: boolean | undefined;
  /** Retained messages: 0 are sent, 1 only for a new subscription, 2 never (MQTT 5.0). Default 0. */
  readonly retainHandling?: 0 | 1 | 2 | undefined;
  /** MQTT 5.0: `userProperties`. */
  readonly properties?: Properties | undefined;
  /** Gives up waiting for the server's answer. */
  readonly signal?: AbortSignal | undefined;
}

/** How to unsubscribe. */
export interface UnsubscribeOptions {
  /** MQTT 5.0: `userProperties`. */
  readonly properties?: Properties | undefined;
  /** Gives up waiting for the server's answer. */
  readonly signal?: AbortSignal | undefined;
}

/** How to ask for a response. */
export interface RequestOptions extends PublishOptions {
  /** How long to wait for the response. Default 30,000. */
  readonly timeoutMs?: number | undefined;
}

/** How to close. */
export interface CloseOptions {
  /** MQTT 5.0: 0x04 has the will published. Default 0. */
  readonly reasonCode?: number | undefined;
  /** MQTT 5.0 properties of DISCONNECT, such as `sessionExpiryInterval`. */
  readonly properties?: Properties | undefined;
}
