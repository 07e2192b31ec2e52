/**
 * Topic names and filters of MQTT (MQTT 5.0 4.7), as far as keys depend on them.
 *
 * Levels are compared code point by code point: no normalization, an empty level is a level.
 */
export class TopicError extends Error {
  override readonly name = "TopicError";
}

/** MQTT 5.0 4.7.3. */
const MAX_TOPIC_LENGTH = 65_535;

/** The levels of a topic name. @throws TopicError when it is none. */
export function parseTopicName(topic: string): readonly string[] {
  checkCharacters(topic, "topic name");
  if (/[+#]/.test(topic)) throw new TopicError(`"${topic}" is a filter, not a topic name`); // [MQTT-4.7.1-1]
  return topic.split("/");
}

/** The levels of a topic filter. @throws TopicError when it is none. */
export function parseTopicFilter(filter: string): readonly string[] {
  checkCharacters(filter, "topic filter");
  const levels = filter.split("/");
  for (const [index, level] of levels.entries()) {
    // [MQTT-4.7.1-2], [MQTT-4.7.1-3]: a wildcard takes a whole level, "#" the last.
    if (level.length > 1 && /[+#]/.test(level)) throw new TopicError(`"${filter}" has a wildcard inside a level`);
    if (level === "#" && index < levels.length - 1) throw new TopicError(`"${filter}" goes on after "#"`);
  }
  return levels;
}

function checkCharacters(text: string, what: string): void {
  if (text === "" || text.length > MAX_TOPIC_LENGTH) throw new TopicError(`a ${what} of ${text.length} characters`);
  if (text.includes("\0") || !text.isWellFormed()) throw new TopicError(`a ${what} with U+0000 or a lone surrogate`);
}

/** Whether `filter` matches `topic`; both well-formed. */
export function matchesTopic(filter: string, topic: string): boolean {
  return coversLevels(filter.split("/"), topic.split("/"));
}

/** Whether `wide` matches every topic that `narrow` matches. */
export function coversFilter(wide: string, narrow: string): boolean {
  return coversLevels(wide.split("/"), narrow.split("/"));
}

function coversLevels(wide: readonly string[], narrow: readonly string[]): boolean {
  // [MQTT-4.7.2-1]: a filter that begins with a wildcard does not match topics that begin with "$".
  if (isWildcard(wide[0]) && narrow[0]?.startsWith("$")) return false;
  for (const [index, level] of wide.entries()) {
    if (level === "#") return true; // the parent level too: 4.7.1.2
    const other = narrow[index];
    if (other === undefined || other === "#") return false;
    if (level !== "+" && level !== other) return false;
  }
  return wide.length === narrow.length;
}

export function isWildcard(level: string | undefined): boolean {
  return level === "+" || level === "#";
}
