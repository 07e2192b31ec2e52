import { MAX_PACKET_SIZE } from "../codec/constants.js";
import type { ProtocolVersion, QoS } from "../codec/packets.js";
import type { Properties } from "../codec/properties.js";

/** What a server allows on a connection (3.2.2.3). */
export interface ServerLimits {
  readonly receiveMaximum: number;
  readonly maximumPacketSize: number;
  readonly maximumQoS: QoS;
  readonly isRetainAvailable: boolean;
  readonly topicAliasMaximum: number;
  readonly areSubscriptionIdentifiersAvailable: boolean;
}

/** What holds where CONNACK says nothing else. */
export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  receiveMaximum: 0xffff,
  maximumPacketSize: MAX_PACKET_SIZE,
  maximumQoS: 2,
  isRetainAvailable: true,
  topicAliasMaximum: 0,
  areSubscriptionIdentifiersAvailable: true,
};

/**
 * Messages in flight before MQTT 5.0, where the server cannot say how many it takes. Some take 20 and acknowledge more
 * without keeping them (mosquitto's `max_inflight_messages`, at QoS 2).
 */
const UNTOLD_RECEIVE_MAXIMUM = 20;

/** The limits that a CONNACK sets. */
export function serverLimits(version: ProtocolVersion, properties: Properties = {}): ServerLimits {
  const untold = version === 5 ? DEFAULT_SERVER_LIMITS.receiveMaximum : UNTOLD_RECEIVE_MAXIMUM;
  return {
    receiveMaximum: properties.receiveMaximum ?? untold,
    maximumPacketSize: properties.maximumPacketSize ?? DEFAULT_SERVER_LIMITS.maximumPacketSize,
    maximumQoS: properties.maximumQoS ?? DEFAULT_SERVER_LIMITS.maximumQoS,
    isRetainAvailable: properties.retainAvailable ?? DEFAULT_SERVER_LIMITS.isRetainAvailable,
    topicAliasMaximum: properties.topicAliasMaximum ?? DEFAULT_SERVER_LIMITS.topicAliasMaximum,
    areSubscriptionIdentifiersAvailable:
      properties.subscriptionIdentifiersAvailable ?? DEFAULT_SERVER_LIMITS.areSubscriptionIdentifiersAvailable,
  };
}
