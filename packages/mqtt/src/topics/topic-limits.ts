import { utf8Length } from "@isthmus/bytes";

import { MAX_STRING_SIZE } from "../codec/constants.js";
import { TopicSyntaxError } from "./topic-syntax-error.js";

/** Limits of a topic name or filter. */
export interface TopicLimits {
  /** Levels, thus one more than there are slashes; default 65,536: all that the 65,535 bytes have room for. */
  readonly maximumLevels?: number | undefined;
}

/**
 * Checks what topic names, topic filters and share names have in common (4.7.3).
 *
 * @throws TopicSyntaxError when `text` is empty, ill-formed, or longer than the limits; `kind` says there what it is.
 */
export function checkTopicText(kind: string, text: string, limits: TopicLimits): void {
  if (text === "") throw new TopicSyntaxError(`a ${kind} has at least one character`); // [MQTT-4.7.3-1]
  if (text.includes("\0")) throw new TopicSyntaxError(`the ${kind} holds U+0000`); // [MQTT-4.7.3-2]
  if (!text.isWellFormed()) throw new TopicSyntaxError(`the ${kind} holds half of a surrogate pair`); // [MQTT-1.5.4-1]
  checkSize(kind, text);
  if (limits.maximumLevels !== undefined) checkLevels(kind, text, limits.maximumLevels);
}

/** [MQTT-4.7.3-3] */
function checkSize(kind: string, text: string): void {
  // A UTF-16 unit takes three bytes at most.
  if (3 * text.length <= MAX_STRING_SIZE) return;
  const size = utf8Length(text);
  if (size > MAX_STRING_SIZE) throw new TopicSyntaxError(`the ${kind} has ${size} bytes, more than ${MAX_STRING_SIZE}`);
}

function checkLevels(kind: string, text: string, maximum: number): void {
  let levels = 1;
  for (let at = text.indexOf("/"); at >= 0; at = text.indexOf("/", at + 1)) levels++;
  if (levels > maximum) throw new TopicSyntaxError(`the ${kind} has ${levels} levels, more than ${maximum}`);
}
