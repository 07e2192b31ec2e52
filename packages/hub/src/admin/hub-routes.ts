import { readGauges } from "../prometheus/gauges.js";
import { VERSION } from "../version.js";
import type { AdminContext } from "./admin-context.js";
import { reportDelivery } from "./delivery-report.js";
import type { Route } from "./route.js";
import { COUNT, FLAG, list, LOSS, object, QOS, TEXT } from "./schemas.js";
import { asTopic } from "./topic-routes.js";

const STATUS = object({
  version: TEXT,
  uptimeSeconds: COUNT,
  access: { type: "string", description: "Who can connect." },
  connections: COUNT,
  connectedClients: COUNT,
  awayClients: COUNT,
  subscriptions: COUNT,
  retainedMessages: COUNT,
  retainedBytes: COUNT,
  queuedMessages: COUNT,
  inFlightMessages: COUNT,
  messagesReceived: COUNT,
  messagesSent: COUNT,
  messagesDropped: COUNT,
  messagesRefused: COUNT,
});

const REPORT = object(
  {
    reasons: { ...list(TEXT), description: "What stands in the way, or that nothing does; the likeliest first." },
    client: object({
      state: { type: "string", enum: ["connected", "away"] },
      mayRead: { type: "boolean", description: "Whether the rules let it have messages on the topic." },
      queuedMessages: COUNT,
      inFlightMessages: COUNT,
      isLagging: FLAG,
    }),
    subscriptions: list(
      object({ topicFilter: TEXT, matches: FLAG, qos: QOS, shareName: TEXT, noLocal: FLAG }, ["shareName"]),
    ),
    dropped: { ...list(LOSS), description: "Messages on the topic that were dropped on their way to this client." },
    refused: { ...list(LOSS), description: "Messages on the topic that were not taken from their publishers." },
  },
  ["client"],
);

/** The hub as a whole, and why something did not arrive. */
export function hubRoutes(context: AdminContext): Route[] {
  return [
    {
      method: "GET",
      path: "/status",
      operationId: "getStatus",
      summary: "What the hub has to do",
      answer: { description: "The state of the hub.", schema: STATUS },
      handle: () => viewStatus(context),
    },
    {
      method: "GET",
      path: "/delivery",
      operationId: "explainDelivery",
      summary: "Why was this not delivered to that client?",
      query: {
        clientId: { description: "The client that has missed something.", schema: TEXT, isRequired: true },
        topic: { description: "The topic of what it has missed.", schema: TEXT, isRequired: true },
      },
      answer: { description: "What the hub knows of it.", schema: REPORT },
      handle: ({ query }) => asTopic(() => reportDelivery(context, String(query["clientId"]), String(query["topic"]))),
    },
  ];
}

function viewStatus({ exchange, metrics, mqttDoor, access, clock, startedAt }: AdminContext): object {
  const { connectedClients, awayClients, subscriptions, retainedMessages, ...gauges } = readGauges(exchange, mqttDoor);
  return {
    version: VERSION,
    uptimeSeconds: Math.floor((clock.tick().monotonic - startedAt) / 1000),
    access: access.summary,
    connections: metrics.connectionsOpen,
    connectedClients,
    awayClients,
    subscriptions,
    retainedMessages,
    retainedBytes: gauges.retainedBytes,
    queuedMessages: gauges.queuedMessages,
    inFlightMessages: gauges.inFlightMessages,
    messagesReceived: metrics.messagesReceived,
    messagesSent: metrics.messagesSent,
    messagesDropped: metrics.messagesLost,
    messagesRefused: metrics.messagesRefused.total,
  };
}
