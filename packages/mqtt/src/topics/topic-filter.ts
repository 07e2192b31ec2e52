import { checkTopicText, type TopicLimits } from "./topic-limits.js";
import { TopicSyntaxError } from "./topic-syntax-error.js";

declare const topicFilter: unique symbol;

/** A text that is a topic filter (4.7.1): what a subscription asks for. Made by {@link parseTopicFilter}. */
export type TopicFilter = string & { readonly [topicFilter]: true };

/**
 * The topic filter that `text` is. A shared subscription is one too, as a text: {@link parseSharedFilter} takes it
 * apart.
 *
 * @throws TopicSyntaxError when it is empty, holds U+0000, a `#` that is not the last level or a `+` that is not a
 * whole level, or is longer than the limits.
 */
export function parseTopicFilter(text: string, limits: TopicLimits = {}): TopicFilter {
  checkTopicText("topic filter", text, limits);
  // [MQTT-4.7.1-1]
  if (/#.|[^/]#/su.test(text)) {
    throw new TopicSyntaxError(`"#" is not alone in the last level of the topic filter ${JSON.stringify(text)}`);
  }
  // [MQTT-4.7.1-2]
  if (/[^/]\+|\+[^/]/su.test(text)) {
    throw new TopicSyntaxError(`"+" is not alone in its level of the topic filter ${JSON.stringify(text)}`);
  }
  // Checked just now.
  return text as TopicFilter;
}
