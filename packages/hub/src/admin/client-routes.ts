import { ReasonCode } from "@isthmus/mqtt/codec";
import type { MqttSession } from "../doors/mqtt/mqtt-session.js";
import type { AdminContext } from "./admin-context.js";
import { formatInstant, viewLoss, viewMessage } from "./message-view.js";
import { firstOf, pageOf } from "./page.js";
import { Problem } from "./problem.js";
import type { ApiRequest, Route } from "./route.js";
import { COUNT, FLAG, INSTANT, LIMIT, list, LOSS, MESSAGE, object, page, PAGING, QOS, TEXT } from "./schemas.js";

const CLIENT = object(
  {
    clientId: TEXT,
    state: { type: "string", enum: ["connected", "away"] },
    user: TEXT,
    address: TEXT,
    listener: TEXT,
    protocolVersion: { type: "string", enum: ["3.1", "3.1.1", "5.0"] },
    connectedAt: INSTANT,
    sessionExpirySeconds: { type: "integer", minimum: 0, description: "Missing: the session lasts for ever." },
    subscriptions: COUNT,
    queuedMessages: COUNT,
    queuedBytes: COUNT,
    inFlightMessages: COUNT,
    isLagging: { type: "boolean", description: "It takes its messages so slowly that it loses those of QoS 0." },
  },
  ["user", "address", "listener", "protocolVersion", "connectedAt", "sessionExpirySeconds"],
);

const SUBSCRIPTION = object(
  {
    topicFilter: { type: "string", description: "As the client wrote it, share prefix included." },
    qos: QOS,
    noLocal: FLAG,
    retainAsPublished: FLAG,
    subscriptionIdentifier: { type: "integer", minimum: 1 },
  },
  ["subscriptionIdentifier"],
);

const WAITING_MESSAGE = object(
  {
    state: { type: "string", enum: ["waiting", "published", "released"] },
    qos: QOS,
    packetIdentifier: COUNT,
    isSent: { type: "boolean", description: "It may have reached the client: when it is sent again, then with DUP." },
    message: MESSAGE,
  },
  ["packetIdentifier"],
);

const CLIENT_ID = { clientId: "The client identifier." };
const NO_SUCH_CLIENT = { 404: "No such client, nor a session of it." };
const VERSION_NAMES = { 3: "3.1", 4: "3.1.1", 5: "5.0" } as const;

/** Who is connected or has a session, what each has subscribed to and what waits for it. */
export function clientRoutes({ mqttDoor, flushScheduler }: AdminContext): Route[] {
  const find = ({ path }: ApiRequest): MqttSession => findSession(mqttDoor, path["clientId"] ?? "");
  return [
    {
      method: "GET",
      path: "/clients",
      operationId: "listClients",
      summary: "Clients that are connected, or away with a session, by client identifier",
      query: {
        ...PAGING,
        state: {
          description: "Only those that are connected, or away.",
          schema: { type: "string", enum: ["connected", "away"] },
        },
        contains: { description: "Only those whose client identifier or user name contains it.", schema: TEXT },
      },
      answer: { description: "Some of the clients.", schema: page(CLIENT) },
      handle: async ({ query }) => {
        const { limit, after, state, contains } = query;
        const text = typeof contains === "string" ? contains : "";
        const isWanted = (session: MqttSession): boolean =>
          (state === undefined || state === stateOf(session)) && mentions(session, text);
        const { items, next } = await pageOf(
          mqttDoor.sessions,
          ({ clientId }) => clientId,
          String(after),
          Number(limit),
          isWanted,
        );
        return { items: items.map(viewClient), next };
      },
    },
    {
      method: "GET",
      path: "/clients/{clientId}",
      operationId: "getClient",
      summary: "One client",
      pathParameters: CLIENT_ID,
      answer: { description: "The client.", schema: CLIENT },
      problems: NO_SUCH_CLIENT,
      handle: (request) => viewClient(find(request)),
    },
    {
      method: "DELETE",
      path: "/clients/{clientId}",
      operationId: "endSession",
      summary: "End a client's session: it is disconnected, and what waits for it is gone",
      pathParameters: CLIENT_ID,
      problems: NO_SUCH_CLIENT,
      handle: (request) => mqttDoor.endSession(find(request)),
    },
    {
      method: "DELETE",
      path: "/clients/{clientId}/connection",
      operationId: "kickClient",
      summary: "Disconnect a client; its session stays as long as it was to",
      pathParameters: CLIENT_ID,
      problems: { ...NO_SUCH_CLIENT, 409: "The client is not connected." },
      handle: (request) => {
        const { clientId, connection } = find(request);
        if (connection === undefined) throw new Problem(409, `${clientId} is not connected`);
        connection.disconnect(ReasonCode.administrativeAction, "disconnected by an administrator");
        flushScheduler.arm();
      },
    },
    {
      method: "GET",
      path: "/clients/{clientId}/subscriptions",
      operationId: "listSubscriptions",
      summary: "What a client has subscribed to, by filter",
      pathParameters: CLIENT_ID,
      query: PAGING,
      answer: { description: "Some of the subscriptions.", schema: page(SUBSCRIPTION) },
      problems: NO_SUCH_CLIENT,
      handle: async (request) => {
        const { limit, after } = request.query;
        const all = find(request).subscriptionByFilter;
        const { items, next } = await pageOf(all, ([filter]) => filter, String(after), Number(limit));
        return {
          items: items.map(([topicFilter, { qos, noLocal, retainAsPublished, identifier }]) => ({
            topicFilter,
            qos,
            noLocal,
            retainAsPublished,
            subscriptionIdentifier: identifier,
          })),
          next,
        };
      },
    },
    {
      method: "GET",
      path: "/clients/{clientId}/messages",
      operationId: "listWaitingMessages",
      summary: "QoS 1 and 2 messages on their way to a client: in flight, then those that wait, in order",
      pathParameters: CLIENT_ID,
      query: { limit: LIMIT },
      answer: {
        description: "The first of the messages, and how many there are.",
        schema: object({ inFlight: COUNT, waiting: COUNT, items: list(WAITING_MESSAGE) }),
      },
      problems: NO_SUCH_CLIENT,
      handle: (request) => {
        const { flow } = find(request);
        const entries = firstOf(flow.entries(), Number(request.query["limit"]));
        return {
          inFlight: flow.inFlightCount,
          waiting: flow.waitingCount,
          items: entries.map(({ state, qos, packetIdentifier, isSent, message }) => ({
            state,
            qos,
            packetIdentifier: packetIdentifier === 0 ? undefined : packetIdentifier,
            isSent,
            message: viewMessage(message, false),
          })),
        };
      },
    },
    {
      method: "GET",
      path: "/clients/{clientId}/losses",
      operationId: "listLosses",
      summary: "Messages that were lately dropped instead of being sent to a client, the newest first",
      pathParameters: CLIENT_ID,
      answer: { description: "What was dropped, and why.", schema: object({ items: list(LOSS) }) },
      problems: NO_SUCH_CLIENT,
      handle: (request) => ({ items: find(request).losses?.losses().map(viewLoss) ?? [] }),
    },
  ];
}

/** @throws Problem 404 */
export function findSession(door: AdminContext["mqttDoor"], clientId: string): MqttSession {
  const session = door.findSession(clientId);
  if (session === undefined) throw new Problem(404, `${clientId} is not connected, and has no session`);
  return session;
}

function viewClient(session: MqttSession): object {
  const { clientId, connection, flow, expiryMs, subscriptionByFilter, isLagging } = session;
  return {
    clientId,
    state: stateOf(session),
    user: session.identity?.user,
    address: connection?.remoteAddress,
    listener: connection?.listener,
    protocolVersion: connection && VERSION_NAMES[connection.version],
    connectedAt: connection && formatInstant(connection.openedAt),
    sessionExpirySeconds: Number.isFinite(expiryMs) ? Math.round(expiryMs / 1000) : undefined,
    subscriptions: subscriptionByFilter.size,
    queuedMessages: flow.waitingCount,
    queuedBytes: flow.waitingBytes,
    inFlightMessages: flow.inFlightCount,
    isLagging,
  };
}

export function stateOf({ connection }: MqttSession): "connected" | "away" {
  return connection === undefined ? "away" : "connected";
}

function mentions({ clientId, identity }: MqttSession, text: string): boolean {
  return clientId.includes(text) || identity?.user?.includes(text) === true;
}
