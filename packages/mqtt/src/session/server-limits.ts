import { MAX_PACKET_SIZE } from "../codec/constants.js";
import type { QoS } from "../codec/packets.js";
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

/** The limits that the properties of a CONNACK set. */
export function serverLimits(properties: Properties = {}): ServerLimits {
  return {
    receiveMaximum: properties.receiveMaximum ?? DEFAULT_SERVER_LIMITS.receiveMaximum,
    maximumPacketSize: properties.maximumPacketSize ?? DEFAULT_SERVER_LIMITS.maximumPacketSize,
    maximumQoS: properties.maximumQoS ?? DEFAULT_SERVER_LIMITS.maximumQoS,
    isRetainAvailable: properties.retainAvailable ?? DEFAULT_SERVER_LIMITS.isRetainAvailable,
    topicAliasMaximum: properties.topicAliasMaximum ?? DEFAULT_SERVER_LIMITS.topicAliasMaximum,
    areSubscriptionIdentifiersAvailable:
      properties.subscriptionIdentifiersAvailable ?? DEFAULT_SERVER_LIMITS.areSubscriptionIdentifiersAvailable,
  };
}
