import { encodeUtf8 } from "@isthmus/bytes";
import type { Delivery, MessageProperties, QoS, SharedGroup } from "@isthmus/exchange";
import { parseTopicFilter, parseTopicName, TopicSyntaxError } from "@isthmus/mqtt/topics";
import { MqttSession } from "../doors/mqtt/mqtt-session.js";
import type { AdminContext } from "./admin-context.js";
import { viewMessage } from "./message-view.js";
import { pageOf } from "./page.js";
import { Problem } from "./problem.js";
import type { ApiRequest, Route } from "./route.js";
import { COUNT, FLAG, list, MESSAGE, object, page, PAGING, QOS, TEXT } from "./schemas.js";

const RECEIVER = object(
  {
    kind: {
      type: "string",
      enum: ["mqtt", "other"],
      description: "Others are CoAP observers, event streams, bridges.",
    },
    clientId: TEXT,
    isOnline: FLAG,
    qos: { ...QOS, description: "The highest that it gets messages with." },
  },
  ["clientId"],
);

const PUBLICATION = object(
  {
    topic: TEXT,
    payload: { type: "string", description: "Text, sent as UTF-8. Default: empty." },
    payloadBase64: { type: "string", description: "Bytes, instead of `payload`." },
    qos: { ...QOS, default: 0 },
    retain: { type: "boolean", default: false },
    expiresInSeconds: { type: "integer", minimum: 0 },
    contentType: TEXT,
    responseTopic: TEXT,
    userProperties: {
      type: "array",
      description: "Pairs of name and value.",
      items: { type: "array", items: TEXT, minItems: 2, maxItems: 2 },
    },
  },
  ["payload", "payloadBase64", "qos", "retain", "expiresInSeconds", "contentType", "responseTopic", "userProperties"],
);

/** What {@link PUBLICATION} describes. */
interface PublicationBody {
  readonly topic: string;
  readonly payload?: string;
  readonly payloadBase64?: string;
  readonly qos?: QoS;
  readonly retain?: boolean;
  readonly expiresInSeconds?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly userProperties?: readonly (readonly [string, string])[];
}

const TOPIC = { topic: "The topic; its slashes are written %2F." };
const NO_VALUE = { 404: "The topic has no retained message." };

/** Retained messages, publishing, and who gets what. */
export function topicRoutes(context: AdminContext): Route[] {
  const { exchange, clock } = context;
  return [
    {
      method: "GET",
      path: "/retained",
      operationId: "listRetained",
      summary: "Retained messages, by topic, without their payloads",
      query: {
        ...PAGING,
        filter: {
          description: "A topic filter. `#` leaves out topics that begin with `$`.",
          schema: { type: "string", default: "#" },
        },
      },
      answer: { description: "Some of the messages.", schema: page(MESSAGE) },
      handle: async ({ query }) => {
        const filter = asTopic(() => parseTopicFilter(String(query["filter"]), limitsOf(context)));
        const all = exchange.retainedMatching(filter, clock.tick().epoch);
        const { items, next } = await pageOf(all, ({ topic }) => topic, String(query["after"]), Number(query["limit"]));
        return { items: items.map((message) => viewMessage(message, false)), next };
      },
    },
    {
      method: "GET",
      path: "/retained/{topic}",
      operationId: "getRetained",
      summary: "The retained message of a topic",
      pathParameters: TOPIC,
      answer: { description: "The message.", schema: MESSAGE },
      problems: NO_VALUE,
      handle: ({ path }) => {
        const { topic = "" } = path;
        const message = exchange.retained.get(topic);
        if (message === undefined || message.expiresAt <= clock.tick().epoch) throw noValue(topic);
        return viewMessage(message, true);
      },
    },
    {
      method: "DELETE",
      path: "/retained/{topic}",
      operationId: "deleteRetained",
      summary: "Forget the retained message of a topic; nobody is told",
      pathParameters: TOPIC,
      problems: NO_VALUE,
      handle: async ({ path }) => {
        const { topic = "" } = path;
        if (!exchange.clearRetained(topic)) throw noValue(topic);
        await context.flushScheduler.whenStored();
      },
    },
    {
      method: "POST",
      path: "/publish",
      operationId: "publish",
      summary: "Publish a message",
      body: PUBLICATION,
      answer: {
        description: "It is as safe as the store makes it.",
        schema: object({ receivers: { ...COUNT, description: "How many receivers it was for." } }),
      },
      problems: { 413: "The message is too large.", 415: "The body is no JSON.", 503: "It could not be stored." },
      handle: (request) => publish(context, request),
    },
    {
      method: "GET",
      path: "/receivers",
      operationId: "listReceivers",
      summary: "Who would get a message on a topic now",
      query: { topic: { description: "The topic.", schema: TEXT, isRequired: true } },
      answer: {
        description: "Each of `receivers` gets it, and one member of each of `shared`.",
        schema: object({
          receivers: list(RECEIVER),
          shared: list(object({ name: TEXT, filter: TEXT, members: list(RECEIVER) })),
        }),
      },
      handle: ({ query }) => {
        const name = asTopic(() => parseTopicName(String(query["topic"]), limitsOf(context)));
        const { deliveries, shared } = exchange.route(exchange.topics.internName(name));
        return { receivers: deliveries.map(viewDelivery), shared: shared.map(viewGroup) };
      },
    },
  ];
}

async function publish({ publisher, clock }: AdminContext, { caller, body }: ApiRequest): Promise<object> {
  // It was checked against the schema that the type goes by.
  const { topic, qos, retain, payload, payloadBase64, expiresInSeconds, ...rest } = body as PublicationBody;
  if (payload !== undefined && payloadBase64 !== undefined) {
    throw new Problem(400, "payload and payloadBase64 exclude each other");
  }
  const { contentType, responseTopic, userProperties } = rest;
  const hasProperties = contentType ?? responseTopic ?? userProperties;
  const properties: MessageProperties = { contentType, responseTopic, userProperties };
  const receivers = await publisher.publish(caller.identity, caller.origin, {
    topic,
    payload: payloadBase64 === undefined ? encodeUtf8(payload ?? "") : parseBase64(payloadBase64),
    properties: hasProperties === undefined ? undefined : properties,
    ...(qos !== undefined && { qos }),
    ...(retain !== undefined && { retain }),
    ...(expiresInSeconds !== undefined && { expiresAt: clock.tick().epoch + expiresInSeconds * 1000 }),
  });
  return { receivers };
}

function parseBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw new Problem(400, "payloadBase64 is not base64 with its padding");
  return new Uint8Array(bytes);
}

function viewDelivery({ receiver, qos }: Delivery): object {
  const clientId = receiver instanceof MqttSession ? receiver.clientId : undefined;
  return { kind: clientId === undefined ? "other" : "mqtt", clientId, isOnline: receiver.isOnline, qos };
}

function viewGroup(group: SharedGroup): object {
  return { name: group.name, filter: group.filter, members: Array.from(group.members, viewDelivery) };
}

function noValue(topic: string): Problem {
  return new Problem(404, `${topic} has no retained message`);
}

export function limitsOf({ maximumTopicLevels: maximumLevels }: AdminContext): { maximumLevels: number } {
  return { maximumLevels };
}

/** @throws Problem 400 when what `parse` is given is no topic, or no filter. */
export function asTopic<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof TopicSyntaxError)) throw cause;
    throw new Problem(400, cause.message, { cause });
  }
}
