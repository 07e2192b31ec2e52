import type { ConnectPacket, Properties } from "@isthmus/mqtt/codec";
import { type MqttAnnouncements, responseInformationFor } from "./announcements.js";
import type { MqttDoorOptions } from "./mqtt-options.js";

/** What a client gets of what it asked for at CONNECT. */
export interface Grant {
  /** Seconds; 0 is none. */
  readonly keepAlive: number;
  /** What CONNACK tells of it (3.2.2.3). */
  readonly properties: Properties;
}

/**
 * The limits of this hub: what a client may do, and where it gets less than it asked for.
 *
 * @param clientId the client's own, or the one that was assigned to it.
 */
export function grant(
  options: MqttDoorOptions,
  announcements: MqttAnnouncements,
  packet: ConnectPacket,
  clientId: string,
): Grant {
  const keepAlive = keepAliveOf(options, packet);
  const askedExpiry = packet.properties?.sessionExpiryInterval ?? 0;
  const { maximumPacketSize, maxSessionExpiry } = options;
  return {
    keepAlive,
    properties: {
      sessionExpiryInterval: askedExpiry > maxSessionExpiry ? maxSessionExpiry : undefined,
      receiveMaximum: options.receiveMaximum,
      // Left out where there is no limit of ours: some clients reject a value above 268,435,455.
      maximumPacketSize: maximumPacketSize < 268_435_455 ? maximumPacketSize : undefined,
      assignedClientIdentifier: packet.clientId === "" ? clientId : undefined,
      topicAliasMaximum: options.topicAliasMaximum,
      responseInformation: responseInformationFor(announcements, packet.properties, clientId),
      serverKeepAlive: keepAlive === packet.keepAlive ? undefined : keepAlive,
    },
  };
}

/** Longer than the longest allowed, or none where one must be, becomes the longest. [MQTT-3.1.2-21] */
function keepAliveOf({ maxKeepAlive }: MqttDoorOptions, { keepAlive }: ConnectPacket): number {
  if (maxKeepAlive === Number.POSITIVE_INFINITY) return keepAlive;
  const longest = Math.min(maxKeepAlive, 0xffff);
  return keepAlive === 0 || keepAlive > longest ? longest : keepAlive;
}
