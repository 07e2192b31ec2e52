import { encodeUtf8 } from "@isthmus/bytes";
import type { Message } from "@isthmus/exchange";
import { parseTopicFilter, parseTopicName, TopicSyntaxError } from "@isthmus/mqtt/topics";
import type { Identity } from "../../access/access.js";
import type { HubContext } from "../../hub-context.js";
import { RequestRefusedError } from "./request-refusal.js";

/** What a path says: one topic, or all that a filter matches. */
export type TopicTarget =
  | { readonly type: "topic"; readonly name: string }
  | { readonly type: "filter"; readonly filter: string };

/** Some of the last values, and whether a limit left some out. */
export interface LastValues {
  readonly messages: readonly Message[];
  readonly isTruncated: boolean;
}

/** The space of topics as doors of requests and responses see it: paths, last values, and who may see them. */
export class TopicSpace {
  readonly #context: HubContext;
  readonly #maximumLevels: number;

  constructor(context: HubContext, maximumLevels: number) {
    this.#context = context;
    this.#maximumLevels = maximumLevels;
  }

  /**
   * The topic or filter that these levels spell.
   *
   * @throws RequestRefusedError malformed when they spell neither.
   */
  parse(levels: readonly string[]): TopicTarget {
    const text = levels.join("/");
    const limits = { maximumLevels: this.#maximumLevels };
    try {
      // A slash within a level would be taken for the end of it.
      if (levels.some((level) => level.includes("/"))) throw new TopicSyntaxError("a level of a topic holds no slash");
      const isFilter = levels.some((level) => level === "+" || level === "#");
      if (isFilter) return { type: "filter", filter: parseTopicFilter(text, limits) };
      return { type: "topic", name: parseTopicName(text, limits) };
    } catch (cause) {
      if (!(cause instanceof TopicSyntaxError)) throw cause;
      throw new RequestRefusedError("malformed", cause.message, { cause });
    }
  }

  /**
   * The topic's last value: its retained message, unless that has expired.
   *
   * @throws RequestRefusedError forbidden when `identity` may not have it.
   */
  lastValue(identity: Identity, topic: string): Message | undefined {
    this.checkReadable(identity, topic);
    return this.peek(topic);
  }

  /** The same for the hub itself, who tells nobody. */
  peek(topic: string): Message | undefined {
    const message = this.#context.exchange.retained.get(topic);
    if (message === undefined || message.expiresAt > this.#context.clock.tick().epoch) return message;
    this.#context.exchange.clearRetained(topic);
    return undefined;
  }

  /**
   * The last values of the topics that match `filter` and that `identity` may have, up to so many and so many bytes.
   *
   * @throws RequestRefusedError forbidden when `identity` may not subscribe to it.
   */
  lastValues(identity: Identity, filter: string, limits: { maxCount: number; maxBytes: number }): LastValues {
    this.checkReadable(identity, filter);
    const { exchange, clock } = this.#context;
    const messages: Message[] = [];
    let sizeBytes = 0;
    for (const message of exchange.retainedMatching(filter, clock.tick().epoch)) {
      if (!this.mayRead(identity, message.topic)) continue;
      sizeBytes += message.sizeBytes;
      if (messages.length >= limits.maxCount || sizeBytes > limits.maxBytes) return { messages, isTruncated: true };
      messages.push(message);
    }
    return { messages, isTruncated: false };
  }

  /** @throws RequestRefusedError forbidden when `identity` may not subscribe to `filter`. */
  checkReadable(identity: Identity, filter: string): void {
    if (this.#context.access.maySubscribe(identity, filter)) return;
    this.#context.metrics.subscriptionsRefused.add("not-authorized");
    throw new RequestRefusedError("forbidden", `${filter} may not be read`);
  }

  /** @throws RequestRefusedError forbidden when `identity` may not publish to `topic`. */
  checkWritable(identity: Identity, topic: string): void {
    const bytes = encodeUtf8(topic);
    const { exchange, access, metrics } = this.#context;
    if (access.mayPublish(identity, exchange.topics.intern(bytes, 0, bytes.length))) return;
    metrics.messagesRefused.add("not-authorized");
    throw new RequestRefusedError("forbidden", `${topic} may not be published to`);
  }

  /** Whether `identity` may have the messages of this topic, of those that its filter matches. */
  mayRead(identity: Identity, topic: string): boolean {
    return this.#context.access.mayRead(identity, topic);
  }

  /** Whether who was let in to read `filter` may still do so, now that users or rules have changed. */
  mayGoOn(identity: Identity, filter: string): boolean {
    const { access } = this.#context;
    return access.mayStay(identity) === undefined && access.maySubscribe(identity, filter);
  }
}

/** The topic that is written to. @throws RequestRefusedError malformed for a filter. */
export function nameOf(target: TopicTarget): string {
  if (target.type === "topic") return target.name;
  throw new RequestRefusedError("malformed", `${target.filter} is a filter: it can be read and observed`);
}
