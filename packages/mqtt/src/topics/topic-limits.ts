import { utf8Length } from "@isthmus/bytes";

import { TopicSyntaxError } from "./topic-syntax-error.js";

/** Limits of a topic name or filter. */
export interface TopicLimits {
  /** Levels, thus one more than there are slashes; default 200. */
  readonly maximumLevels?: number | undefined;
}

const DEFAULT_MAXIMUM_LEVELS = 200;
const MAXIMUM_SIZE = 65_535;

/**
 * What topic names and topic filters have in common (4.7.3).
 *
 * @throws TopicSyntaxError
 */
export function checkTopicText(kind: string, text: string, limits: TopicLimits): void {
  if (text === "") throw new TopicSyntaxError(`a ${kind} has at least one character`); // [MQTT-4.7.3-1]
  if (text.includes("\0")) throw new TopicSyntaxError(`the ${kind} holds U+0000`); // [MQTT-4.7.3-2]
  if (!text.isWellFormed()) throw new TopicSyntaxError(`the ${kind} holds half of a surrogate pair`); // [MQTT-1.5.4-1]
  const size = utf8Length(text);
  // [MQTT-4.7.3-3]
  if (size > MAXIMUM_SIZE) throw new TopicSyntaxError(`the ${kind} has ${size} bytes, more than ${MAXIMUM_SIZE}`);
  checkLevels(kind, text, limits.maximumLevels ?? DEFAULT_MAXIMUM_LEVELS);
}

function checkLevels(kind: string, text: string, maximum: number): void {
  let levels = 1;
  for (let at = text.indexOf("/"); at >= 0; at = text.indexOf("/", at + 1)) levels++;
  if (levels > maximum) throw new TopicSyntaxError(`the ${kind} has ${levels} levels, more than ${maximum}`);
}
