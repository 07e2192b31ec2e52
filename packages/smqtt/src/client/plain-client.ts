/**
 * The part of an MQTT client that sealing needs. The client of `@isthmus/mqtt` has this shape as it is; for MQTT.js
 * there is `fromMqttJs`, and for anything else an object with these two methods.
 */
export interface PlainClient {
  publish(topic: string, payload: Uint8Array, options?: PlainPublishOptions): Promise<unknown>;
  /** Resolves when the broker has granted the subscription. */
  subscribe(filters: string | readonly string[], options?: PlainSubscribeOptions): Promise<PlainSubscription>;
}

export interface PlainPublishOptions {
  readonly qos?: QoS;
  readonly retain?: boolean;
}

export interface PlainSubscribeOptions {
  readonly qos?: QoS;
}

export type QoS = 0 | 1 | 2;

/** Messages until it is closed. */
export interface PlainSubscription extends AsyncIterable<PlainMessage> {
  close(): Promise<unknown>;
}

export interface PlainMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Whether it was retained when the subscription began. */
  readonly retain: boolean;
  readonly qos: QoS;
}
