import { DOORS, type Metrics, type Traffic } from "../metrics.js";
import { VERSION } from "../version.js";
import type { Family, Sample } from "./exposition.js";
import type { Gauges } from "./gauges.js";

/** The hub's own metrics. Names carry their unit and `_total`, as the practice of Prometheus is. */
export function hubFamilies(metrics: Metrics, gauges: Gauges): Family[] {
  return [
    gauge("isthmus_build_info", "The version that runs; the value says nothing.", [
      { labels: { version: VERSION }, value: 1 },
    ]),
    gauge("isthmus_connections", "MQTT connections that are open.", metrics.connectionsOpen),
    counter("isthmus_connections_opened_total", "MQTT connections that were opened.", metrics.connectionsOpened),
    counter("isthmus_connections_refused_total", "Connections that were turned away.", [
      ...byReason(metrics.connectionsRefused),
    ]),
    gauge("isthmus_sessions", "MQTT sessions by whether their client is connected.", [
      { labels: { client: "connected" }, value: gauges.connectedClients },
      { labels: { client: "away" }, value: gauges.awayClients },
    ]),
    counter("isthmus_sessions_expired_total", "Sessions whose client did not come back.", metrics.sessionsExpired),
    ...trafficFamilies(metrics),
    counter("isthmus_messages_dropped_total", "Messages that did not reach a receiver.", [
      ...byReason(Object.entries(metrics.messagesDropped)),
    ]),
    counter("isthmus_messages_refused_total", "Messages that were not taken from their publisher.", [
      ...byReason(metrics.messagesRefused),
    ]),
    counter("isthmus_subscriptions_refused_total", "Filters that a client was not subscribed to.", [
      ...byReason(metrics.subscriptionsRefused),
    ]),
    counter(
      "isthmus_publishers_paused_total",
      "Times a publisher had to wait for a receiver.",
      metrics.publishersPaused,
    ),
    gauge("isthmus_queued_messages", "QoS 1 and 2 messages that wait for a client.", gauges.queuedMessages),
    gauge("isthmus_queued_bytes", "Bytes of the messages that wait for a client.", gauges.queuedBytes),
    gauge("isthmus_in_flight_messages", "Messages that were sent and not acknowledged.", gauges.inFlightMessages),
    gauge("isthmus_unreleased_messages", "QoS 2 messages that came in without PUBREL.", gauges.unreleasedMessages),
    gauge("isthmus_subscriptions", "Subscriptions by kind.", [
      { labels: { kind: "plain" }, value: gauges.subscriptions - gauges.sharedSubscriptions },
      { labels: { kind: "shared" }, value: gauges.sharedSubscriptions },
    ]),
    gauge("isthmus_retained_messages", "Retained messages.", gauges.retainedMessages),
    gauge(
      "isthmus_retained_bytes",
      "Bytes of topics, payloads and properties that are retained.",
      gauges.retainedBytes,
    ),
    counter("isthmus_retained_refused_total", "Messages not retained, for want of room.", metrics.retainedRefused),
    {
      name: "isthmus_store_commit_duration_seconds",
      help: "Time until a batch was as safe as the store makes it.",
      type: "histogram",
      histogram: metrics.storeCommit,
    },
  ];
}

/** The process, by the names that exporters have agreed on. */
export function processFamilies(): Family[] {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const startedAt = (Date.now() - process.uptime() * 1000) / 1000;
  return [
    counter("process_cpu_seconds_total", "CPU time spent, in seconds.", (user + system) / 1e6),
    gauge("process_start_time_seconds", "Start of the process, in seconds since 1970.", startedAt),
    gauge("process_resident_memory_bytes", "Resident memory.", rss),
    gauge("nodejs_heap_size_used_bytes", "Heap in use.", heapUsed),
    gauge("nodejs_heap_size_total_bytes", "Heap allocated.", heapTotal),
    gauge("nodejs_external_memory_bytes", "Memory outside the heap that the heap refers to.", external),
  ];
}

function trafficFamilies({ traffic }: Metrics): Family[] {
  const byDoor = (count: (traffic: Traffic) => number): Sample[] =>
    DOORS.map((door) => ({ labels: { door }, value: count(traffic[door]) }));
  const byQoS = (counts: "messagesReceived" | "messagesSent"): Sample[] =>
    DOORS.flatMap((door) => traffic[door][counts].map((value, qos) => ({ labels: { door, qos: String(qos) }, value })));
  return [
    counter("isthmus_messages_received_total", "Messages that were published.", byQoS("messagesReceived")),
    counter("isthmus_messages_sent_total", "Messages that were sent to receivers.", byQoS("messagesSent")),
    counter("isthmus_received_payload_bytes_total", "Payload bytes that were published.", [
      ...byDoor((door) => door.payloadBytesReceived),
    ]),
    counter("isthmus_sent_payload_bytes_total", "Payload bytes that were sent to receivers.", [
      ...byDoor((door) => door.payloadBytesSent),
    ]),
    counter(
      "isthmus_received_bytes_total",
      "Bytes that came in.",
      byDoor(({ bytesReceived }) => bytesReceived),
    ),
    counter(
      "isthmus_sent_bytes_total",
      "Bytes that went out.",
      byDoor(({ bytesSent }) => bytesSent),
    ),
    counter(
      "isthmus_packets_received_total",
      "Packets that came in.",
      byDoor((door) => door.packetsReceived),
    ),
    counter(
      "isthmus_packets_sent_total",
      "Packets that went out.",
      byDoor(({ packetsSent }) => packetsSent),
    ),
  ];
}

function counter(name: string, help: string, value: number | Sample[]): Family {
  return { name, help, type: "counter", samples: typeof value === "number" ? [{ value }] : value };
}

function gauge(name: string, help: string, value: number | Sample[]): Family {
  return { name, help, type: "gauge", samples: typeof value === "number" ? [{ value }] : value };
}

function byReason(counts: Iterable<readonly [reason: string, count: number]>): Sample[] {
  return [...counts].map(([reason, value]) => ({ labels: { reason }, value }));
}
