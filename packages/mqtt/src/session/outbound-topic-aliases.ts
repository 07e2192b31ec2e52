/** A topic alias in use: what a PUBLISH to its topic carries in place of the topic, or beside it the first time. */
export interface TopicAlias {
  readonly topicAlias: number;
  /** Set once a PUBLISH with topic and alias was sent: from then on the alias says it all. */
  isEstablished: boolean;
}

interface Entry extends TopicAlias {
  readonly topic: string;
  /** How often it was used lately. */
  uses: number;
}

/** The property takes this many bytes (3.3.2.3.4): a topic that is no longer gains nothing by an alias. */
const PROPERTY_BYTES = 3;
/** After so many uses for each alias, past uses count half: what was busy once does not stay so for ever. */
const USES_TO_FORGET = 64;

/**
 * The topic aliases that the sender of one connection has set up (3.3.2.3.4). As long as there are aliases each topic
 * gets one; after that a topic that is used more takes over the alias of the one that is used least.
 */
export class OutboundTopicAliases {
  readonly #maximum: number;
  readonly #entryByTopic = new Map<string, Entry>();
  /** Topics without an alias, and how often they were used lately. */
  readonly #usesByCandidate = new Map<string, number>();
  #usesUntilForgetting: number;

  /** @param maximum the receiver's Topic Alias Maximum, or less; 0 means none. [MQTT-3.2.2-17] [MQTT-3.1.2-26] */
  constructor(maximum: number) {
    this.#maximum = maximum;
    this.#usesUntilForgetting = maximum * USES_TO_FORGET;
  }

  /** The alias for a PUBLISH to `topic` that is about to be sent; undefined for none. */
  choose(topic: string): TopicAlias | undefined {
    if (this.#maximum === 0 || topic.length <= PROPERTY_BYTES) return undefined;
    if (--this.#usesUntilForgetting <= 0) this.#forget();
    const entry = this.#entryByTopic.get(topic);
    if (entry === undefined) return this.#admit(topic);
    entry.uses++;
    return entry;
  }

  #admit(topic: string): Entry | undefined {
    if (this.#entryByTopic.size < this.#maximum) return this.#add(topic, this.#entryByTopic.size + 1, 1);
    const uses = (this.#usesByCandidate.get(topic) ?? 0) + 1;
    // Looking for the least used costs a walk: it is done at 2, 4, 8... uses only.
    const coldest = uses > 1 && Number.isInteger(Math.log2(uses)) ? this.#coldest() : undefined;
    if (coldest !== undefined && uses > coldest.uses) {
      this.#usesByCandidate.delete(topic);
      this.#entryByTopic.delete(coldest.topic);
      return this.#add(topic, coldest.topicAlias, uses);
    }
    // As many candidates as aliases; among more than these none is busy.
    if (uses === 1 && this.#usesByCandidate.size >= this.#maximum) this.#usesByCandidate.clear();
    this.#usesByCandidate.set(topic, uses);
    return undefined;
  }

  #add(topic: string, topicAlias: number, uses: number): Entry {
    const entry = { topic, topicAlias, uses, isEstablished: false };
    this.#entryByTopic.set(topic, entry);
    return entry;
  }

  #coldest(): Entry | undefined {
    let coldest: Entry | undefined;
    for (const entry of this.#entryByTopic.values()) {
      if (coldest === undefined || entry.uses < coldest.uses) coldest = entry;
    }
    return coldest;
  }

  #forget(): void {
    this.#usesUntilForgetting = this.#maximum * USES_TO_FORGET;
    for (const entry of this.#entryByTopic.values()) entry.uses >>>= 1;
    this.#usesByCandidate.clear();
  }
}
