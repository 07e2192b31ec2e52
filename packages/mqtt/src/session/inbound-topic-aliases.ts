import { MqttProtocolError, protocolError } from "../codec/errors.js";
import { ReasonCode } from "../codec/reason-codes.js";

/** The topic aliases that the peer has set up on one connection (3.3.2.3.4). */
export class InboundTopicAliases {
  readonly #maximum: number;
  readonly #topicByAlias = new Map<number, string>();

  /** @param maximum the Topic Alias Maximum that the peer was told. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /**
   * The topic that a PUBLISH means by its topic and alias.
   *
   * @throws MqttProtocolError 0x94 for an alias above the maximum [MQTT-3.3.2-10], 0x82 for one that was never set.
   */
  resolve(topic: string, topicAlias: number): string {
    if (topicAlias > this.#maximum) {
      throw new MqttProtocolError(
        ReasonCode.topicAliasInvalid,
        `topic alias ${topicAlias} exceeds the maximum of ${this.#maximum}`,
      );
    }
    if (topic !== "") {
      this.#topicByAlias.set(topicAlias, topic);
      return topic;
    }
    const known = this.#topicByAlias.get(topicAlias);
    if (known === undefined) throw protocolError(`topic alias ${topicAlias} was never set`);
    return known;
  }
}
