import { parseTopicFilter, parseTopicName, topicMatches } from "@isthmus/mqtt/topics";
import { utf8Length } from "@isthmus/bytes";
import { MAX_STRING_SIZE, type QoS, type SubscriptionRequest } from "@isthmus/mqtt/codec";
import type { BridgeTopic } from "./bridge-options.js";

/** One way of a bridge: what is asked for on the near side, and what topics become on the far side. */
interface Lane {
  readonly filter: ReturnType<typeof parseTopicFilter>;
  readonly qos: QoS;
  readonly nearPrefix: string;
  readonly farPrefix: string;
}

/** The topics of one direction: from the near side, where they are subscribed to, to the far side. */
export class TopicMap {
  readonly #lanes: readonly Lane[];

  /** @throws TopicSyntaxError for a filter, with its prefix, that is none. */
  constructor(topics: readonly BridgeTopic[], direction: "in" | "out") {
    this.#lanes = topics
      .filter((topic) => (topic.direction ?? "out") === direction || topic.direction === "both")
      .map(({ filter = "#", qos = 2, localPrefix = "", remotePrefix = "" }) => {
        const [nearPrefix, farPrefix] = direction === "out" ? [localPrefix, remotePrefix] : [remotePrefix, localPrefix];
        checkPrefix(nearPrefix);
        checkPrefix(farPrefix);
        return { filter: parseTopicFilter(`${nearPrefix}${filter}`), qos, nearPrefix, farPrefix };
      });
  }

  get isEmpty(): boolean {
    return this.#lanes.length === 0;
  }

  /** By how many bytes a topic grows at the most. */
  get growthBytes(): number {
    return Math.max(0, ...this.#lanes.map((lane) => utf8Length(lane.farPrefix) - utf8Length(lane.nearPrefix)));
  }

  get filters(): readonly string[] {
    return this.#lanes.map(({ filter }) => filter);
  }

  /** What to subscribe to on the near side: nothing of one's own comes back, and flags stay as they are. */
  requests(retainHandling: SubscriptionRequest["retainHandling"]): SubscriptionRequest[] {
    return this.#lanes.map(({ filter, qos }) => ({
      topicFilter: filter,
      qos,
      noLocal: true,
      retainAsPublished: true,
      retainHandling,
    }));
  }

  /** What `topic` is called on the far side; undefined when it is none of this map's, or would be no topic there. */
  translate(topic: string): string | undefined {
    const name = parseTopicName(topic);
    const lane = this.#lanes.find(({ filter }) => topicMatches(filter, name));
    if (lane === undefined) return undefined;
    const rest = topic.slice(lane.nearPrefix.length);
    const translated = `${lane.farPrefix}${rest}`;
    // `house/#` matches `house` itself, of which the prefix `house/` leaves nothing.
    if (topic.length < lane.nearPrefix.length || translated === "") return undefined;
    return utf8Length(translated) > MAX_STRING_SIZE ? undefined : translated;
  }
}

function checkPrefix(prefix: string): void {
  if (prefix !== "") parseTopicName(prefix);
}
