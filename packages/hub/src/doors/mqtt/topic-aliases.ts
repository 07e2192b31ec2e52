import type { Topic } from "@isthmus/exchange";
import { MqttProtocolError, ReasonCode } from "@isthmus/mqtt/codec";

/** The aliases that a client has given to topics on one connection (3.3.2.3.4). They end with the connection. */
export class TopicAliases {
  readonly #maximum: number;
  readonly #topicByAlias = new Map<number, Topic>();

  /** @param maximum the Topic Alias Maximum that the server told the client; 0 allows none. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  set(alias: number, topic: Topic): void {
    this.#check(alias);
    this.#topicByAlias.set(alias, topic);
  }

  /** @throws MqttProtocolError for an alias that was never set (3.3.2.3.4). */
  get(alias: number): Topic {
    this.#check(alias);
    const topic = this.#topicByAlias.get(alias);
    // An unknown alias leaves the message without a topic. [3.3.2.3.4]
    if (topic === undefined)
      throw new MqttProtocolError(ReasonCode.protocolError, `topic alias ${alias} was never set`);
    return topic;
  }

  #check(alias: number): void {
    if (alias > this.#maximum) {
      throw new MqttProtocolError(
        ReasonCode.topicAliasInvalid,
        `topic alias ${alias} exceeds the maximum of ${this.#maximum}`,
      );
    }
  }
}
