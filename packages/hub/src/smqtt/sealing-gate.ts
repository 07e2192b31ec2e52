import type { Message } from "@isthmus/exchange";
import { ReasonCode } from "@isthmus/mqtt/codec";
import { parseTopicFilter, topicMatches, type TopicFilter, type TopicName } from "@isthmus/mqtt/topics";
import type { MessageSealer } from "@isthmus/smqtt";
import type { Logger } from "pino";
import type { Refusal } from "../access/access.js";
import type { Awaitable, Replacement } from "../hooks/hooks.js";
import { type SealingRule, SMQTT_DEFAULTS, type SmqttSealingOptions } from "./smqtt-options.js";

/** Topics whose rule is remembered. */
const MAX_KNOWN_TOPICS = 10_000;
/** The media type of an envelope (RFC 9052 11.3.1): what is inside has its own, sealed with it. */
const ENVELOPE_TYPE = 'application/cose; cose-type="cose-encrypt0"';
const BUSY: Refusal = { reasonCode: ReasonCode.quotaExceeded, reason: "too many messages wait to be sealed" };
const NOT_SEALED: Refusal = { reasonCode: ReasonCode.implementationSpecificError, reason: "it could not be sealed" };

/** What seals, once it is loaded. */
export interface Sealing {
  sealerOf(rule: SealingRule): MessageSealer;
  /** Whether its publisher has sealed a message already. */
  isSealed(payload: Uint8Array): boolean;
}

/**
 * Stands before the exchange, and seals what the rules say. A message that cannot be sealed is refused: none of them
 * ever goes on as it came.
 */
export class SealingGate {
  readonly #rules: readonly { readonly filter: TopicFilter; readonly rule: SealingRule }[];
  readonly #maxWaiting: number;
  readonly #timeoutMs: number;
  readonly #log: Logger;
  readonly #ruleByTopic = new Map<string, SealingRule | undefined>();
  readonly #opened = Promise.withResolvers<Sealing>();
  #sealing: Sealing | undefined;
  #waiting = 0;

  /** @throws TopicSyntaxError for a filter that is none. */
  constructor({ rules, maxWaiting, timeoutMs }: SmqttSealingOptions, log: Logger) {
    this.#rules = rules.map((rule) => ({ filter: parseTopicFilter(rule.filter), rule }));
    this.#maxWaiting = maxWaiting ?? SMQTT_DEFAULTS.sealing.maxWaiting;
    this.#timeoutMs = timeoutMs ?? SMQTT_DEFAULTS.sealing.timeoutMs;
    this.#log = log;
    this.#opened.promise.catch(() => undefined); // told to each message that waits
  }

  /** Sealing can begin; messages that came before have waited for it. */
  open(sealing: Sealing): void {
    this.#sealing = sealing;
    this.#opened.resolve(sealing);
  }

  /** Nothing is sealed any more: what waits for it is refused. */
  close(): void {
    this.#opened.reject(new Error("the hub is closing"));
  }

  concerns(topic: string): boolean {
    return this.#ruleOf(topic) !== undefined;
  }

  /** What goes on instead of the message; undefined for one that goes on as it is. At once when its key is at hand. */
  seal(message: Message): Awaitable<Replacement | Refusal | undefined> {
    const rule = this.#ruleOf(message.topic);
    if (rule === undefined || isClearing(message)) return undefined;
    const { topic, payload } = message;
    if (this.#sealing?.isSealed(payload) === true) return undefined;
    const sealed = this.#sealing?.sealerOf(rule).sealNow(topic, payload, sealOptionsOf(rule, message));
    if (sealed !== undefined) return replacementOf(message, sealed);
    if (this.#waiting >= this.#maxWaiting) return BUSY;
    return this.#sealInTime(rule, message.detach());
  }

  async #sealInTime(rule: SealingRule, message: Message): Promise<Replacement | Refusal | undefined> {
    this.#waiting++;
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => timeout.reject(new Error(`not sealed within ${this.#timeoutMs} ms`)),
      this.#timeoutMs,
    );
    try {
      const sealing = this.#sealWhenOpen(rule, message);
      sealing.catch(() => undefined); // it may fail after its time is over
      const sealed = await Promise.race([sealing, timeout.promise]);
      return sealed === undefined ? undefined : replacementOf(message, sealed);
    } catch (error) {
      this.#log.warn({ topic: message.topic, filter: rule.filter, err: error }, "message not sealed");
      return NOT_SEALED;
    } finally {
      clearTimeout(timer);
      this.#waiting--;
    }
  }

  /** Undefined for a message that is sealed already. */
  async #sealWhenOpen(rule: SealingRule, message: Message): Promise<Uint8Array | undefined> {
    const sealing = await this.#opened.promise;
    if (sealing.isSealed(message.payload)) return undefined;
    return sealing.sealerOf(rule).seal(message.topic, message.payload, sealOptionsOf(rule, message));
  }

  #ruleOf(topic: string): SealingRule | undefined {
    if (this.#ruleByTopic.has(topic)) return this.#ruleByTopic.get(topic);
    // What comes in by a door has a topic name.
    const found = this.#rules.find(({ filter }) => topicMatches(filter, topic as TopicName))?.rule;
    if (this.#ruleByTopic.size >= MAX_KNOWN_TOPICS) this.#ruleByTopic.clear();
    this.#ruleByTopic.set(topic, found);
    return found;
  }
}

/** It removes the topic's last value: there is nothing to seal. */
function isClearing({ retain, payloadBytes }: Message): boolean {
  return retain && payloadBytes === 0;
}

function sealOptionsOf({ policy }: SealingRule, { retain, properties }: Message) {
  const { contentType } = properties ?? {};
  return { retain, ...(policy !== undefined && { policy }), ...(contentType !== undefined && { contentType }) };
}

function replacementOf({ properties }: Message, payload: Uint8Array): Replacement {
  return { payload, properties: { ...properties, isUtf8: undefined, contentType: ENVELOPE_TYPE } };
}
