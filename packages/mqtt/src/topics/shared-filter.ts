import { parseTopicFilter, type TopicFilter } from "./topic-filter.js";
import { checkTopicText, type TopicLimits } from "./topic-limits.js";
import { TopicSyntaxError } from "./topic-syntax-error.js";

/** How the topic filter of a shared subscription begins (4.8.2). */
export const SHARED_PREFIX = "$share/";

/** `$share/{shareName}/{topicFilter}` taken apart (4.8.2). */
export interface SharedFilter {
  readonly shareName: string;
  readonly topicFilter: TopicFilter;
}

/**
 * The share name and the topic filter of a shared subscription; undefined for a topic filter that is not shared. The
 * limits are those of the topic filter inside.
 *
 * @throws TopicSyntaxError when `text` begins with `$share/` and goes on wrong, as in `$share/name` or `$share/+/a`.
 */
export function parseSharedFilter(text: string, limits: TopicLimits = {}): SharedFilter | undefined {
  if (!text.startsWith(SHARED_PREFIX)) return undefined;
  const slash = text.indexOf("/", SHARED_PREFIX.length);
  // [MQTT-4.8.2-2]
  if (slash < 0) throw new TopicSyntaxError(`${JSON.stringify(text)} has no topic filter behind its share name`);
  const shareName = text.slice(SHARED_PREFIX.length, slash);
  checkTopicText("share name", shareName, {}); // [MQTT-4.8.2-1]
  // [MQTT-4.8.2-2]
  if (/[+#]/.test(shareName))
    throw new TopicSyntaxError(`the share name ${JSON.stringify(shareName)} holds a wildcard`);
  return { shareName, topicFilter: parseTopicFilter(text.slice(slash + 1), limits) };
}
