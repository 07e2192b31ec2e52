import { encodeUtf8, utf8Length } from "@isthmus/bytes";
import { createMessage, type Message } from "@isthmus/exchange";
import { MAX_STRING_SIZE } from "@isthmus/mqtt/codec";
import { parseTopicFilter, parseTopicName, topicMatches } from "@isthmus/mqtt/topics";
import type { ReplaySource } from "../hub-context.js";
import type { History } from "./history.js";

/** What the topics of replayed messages begin with. */
const PREFIX = "$history/";
/** A topic below each replayed one of which messages are gone: its payload is their number. */
const DROPPED_LEVEL = "$dropped";

/**
 * The history as MQTT replays it: who subscribes to `$history/house/#` gets what is kept of `house/#`, oldest first,
 * each message with `$history/` before its topic and with when it was published as a user property.
 *
 * What is no longer kept is said: `$history/TOPIC/$dropped` tells how many, to those whose filter takes it in, and the
 * first message of the topic has a user property `dropped`.
 *
 * Topics that are too long for MQTT with the prefix are left out; the HTTP API has them.
 */
export class HistoryReplay implements ReplaySource {
  readonly prefix = PREFIX;
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
  }

  *replay(filter: string): Generator<Message, void, undefined> {
    const wanted = parseTopicFilter(PREFIX + filter);
    const droppedByTopic = new Map<string, number>();
    for (const { topic, dropped } of this.#history.summaries(filter)) {
      if (dropped === 0) continue;
      droppedByTopic.set(topic, dropped);
      const name = `${PREFIX}${topic}/${DROPPED_LEVEL}`;
      if (!isTopicSize(name)) continue;
      if (topicMatches(wanted, parseTopicName(name))) yield this.#notice(name, dropped);
    }
    for (const { message } of this.#history.read({ filter })) {
      if (!isTopicSize(PREFIX + message.topic)) continue;
      const dropped = droppedByTopic.get(message.topic);
      droppedByTopic.delete(message.topic);
      yield replayed(message, dropped);
    }
  }

  #notice(topic: string, dropped: number): Message {
    return createMessage({ topic, payload: encodeUtf8(String(dropped)), qos: 2, publishedAt: Date.now() });
  }
}

/** Whether a topic of this text has room in a string of MQTT (4.7.3). */
function isTopicSize(text: string): boolean {
  return utf8Length(text) <= MAX_STRING_SIZE;
}

function replayed(message: Message, dropped: number | undefined): Message {
  const { payload, qos, origin, publishedAt, expiresAt, properties } = message;
  const userProperties: [string, string][] = [["published-at", new Date(publishedAt).toISOString()]];
  if (dropped !== undefined) userProperties.push(["dropped", String(dropped)]);
  return createMessage({
    topic: PREFIX + message.topic,
    payload,
    qos,
    origin,
    publishedAt,
    expiresAt,
    properties: { ...properties, userProperties: [...(properties?.userProperties ?? []), ...userProperties] },
  });
}
