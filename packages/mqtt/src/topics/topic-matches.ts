import type { TopicFilter } from "./topic-filter.js";
import type { TopicName } from "./topic-name.js";

/**
 * Whether a subscription to `filter` gets what is published to `topic` (4.7). A shared subscription is matched by the
 * filter inside of it.
 *
 * @example
 * topicMatches(parseTopicFilter("house/+/temperature"), parseTopicName("house/kitchen/temperature")); // true
 */
export function topicMatches(filter: TopicFilter, topic: TopicName): boolean {
  // [MQTT-4.7.2-1]
  if (topic.startsWith("$") && (filter.startsWith("#") || filter.startsWith("+"))) return false;
  let at = 0;
  let topicAt = 0;
  for (;;) {
    const end = levelEnd(filter, at);
    const topicEnd = levelEnd(topic, topicAt);
    const level = filter.slice(at, end);
    if (level === "#") return true; // [MQTT-4.7.1-1]
    if (level !== "+" && level !== topic.slice(topicAt, topicEnd)) return false; // [MQTT-4.7.3-4]
    if (topicEnd === topic.length) return end === filter.length || filter.slice(end) === "/#"; // 4.7.1.2: the parent too
    if (end === filter.length) return false;
    at = end + 1;
    topicAt = topicEnd + 1;
  }
}

function levelEnd(text: string, at: number): number {
  const slash = text.indexOf("/", at);
  return slash < 0 ? text.length : slash;
}
