import type { Metrics } from "../metrics.js";
import type { Gauges } from "../prometheus/gauges.js";
import { VERSION } from "../version.js";

/** What {@link sysValues} tells of. */
export interface SysSource {
  readonly metrics: Metrics;
  readonly gauges: Gauges;
  readonly uptimeMs: number;
  /** The most clients that were connected at one look. */
  readonly maximumClients: number;
  readonly heap: { readonly currentBytes: number; readonly maximumBytes: number };
}

/** Status topics below `$SYS/broker/` and what they say, by mosquitto's names. */
export function sysValues({ metrics, gauges, uptimeMs, maximumClients, heap }: SysSource): Record<string, string> {
  const { connectedClients, awayClients, queuedMessages, inFlightMessages, retainedMessages } = gauges;
  const clients = connectedClients + awayClients;
  const storedMessages = retainedMessages + queuedMessages + inFlightMessages;
  const numbers = {
    "clients/total": clients,
    "clients/connected": connectedClients,
    "clients/disconnected": awayClients,
    "clients/expired": metrics.sessionsExpired,
    "clients/maximum": maximumClients,
    // Names of old, which mosquitto still publishes.
    "clients/active": connectedClients,
    "clients/inactive": awayClients,
    "messages/received": metrics.sum(({ packetsReceived }) => packetsReceived),
    "messages/sent": metrics.sum(({ packetsSent }) => packetsSent),
    "messages/stored": storedMessages,
    "store/messages/count": storedMessages,
    "store/messages/bytes": gauges.retainedBytes + gauges.queuedBytes,
    "subscriptions/count": gauges.subscriptions,
    "shared_subscriptions/count": gauges.sharedSubscriptions,
    "retained messages/count": retainedMessages,
    "publish/messages/received": metrics.messagesReceived,
    "publish/messages/sent": metrics.messagesSent,
    "publish/messages/dropped": metrics.messagesLost,
    "publish/bytes/received": metrics.sum(({ payloadBytesReceived }) => payloadBytesReceived),
    "publish/bytes/sent": metrics.sum(({ payloadBytesSent }) => payloadBytesSent),
    "bytes/received": metrics.sum(({ bytesReceived }) => bytesReceived),
    "bytes/sent": metrics.sum(({ bytesSent }) => bytesSent),
    "heap/current": heap.currentBytes,
    "heap/maximum": heap.maximumBytes,
  };
  return {
    version: `isthmus version ${VERSION}`,
    uptime: `${Math.floor(uptimeMs / 1000)} seconds`,
    ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)])),
  };
}

/** The counts behind the topics below `$SYS/broker/load/`. */
export function loadCounts(metrics: Metrics): Record<string, number> {
  return {
    "messages/received": metrics.sum(({ packetsReceived }) => packetsReceived),
    "messages/sent": metrics.sum(({ packetsSent }) => packetsSent),
    "publish/received": metrics.messagesReceived,
    "publish/sent": metrics.messagesSent,
    "publish/dropped": metrics.messagesLost,
    "bytes/received": metrics.sum(({ bytesReceived }) => bytesReceived),
    "bytes/sent": metrics.sum(({ bytesSent }) => bytesSent),
    sockets: metrics.connectionsOpened,
    connections: metrics.clientsAccepted,
  };
}
