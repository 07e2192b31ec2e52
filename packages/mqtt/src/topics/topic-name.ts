import { decodeText } from "../codec/packet-reader.js";
import { MqttProtocolError } from "../codec/errors.js";
import { ReasonCode } from "../codec/reason-codes.js";
import { checkTopicText, type TopicLimits } from "./topic-limits.js";
import { TopicSyntaxError } from "./topic-syntax-error.js";

declare const topicName: unique symbol;

/** A text that is a topic name (4.7): what a message is published to. Made by {@link parseTopicName}. */
export type TopicName = string & { readonly [topicName]: true };

/**
 * The topic name that `text` is.
 *
 * @throws TopicSyntaxError when it is empty, holds a wildcard or U+0000, or is longer than the limits.
 */
export function parseTopicName(text: string, limits: TopicLimits = {}): TopicName {
  checkTopicText("topic name", text, limits);
  // [MQTT-4.7.0-1]
  if (/[+#]/.test(text)) throw new TopicSyntaxError(`the topic name ${JSON.stringify(text)} holds a wildcard`);
  // Checked just now.
  return text as TopicName;
}

/**
 * The topic name that the bytes of a PUBLISH or a will spell.
 *
 * @throws MqttProtocolError 0x81 when they are not UTF-8 or hold U+0000, 0x90 when the text is no topic name.
 */
export function parseTopicNameBytes(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
  limits: TopicLimits = {},
): TopicName {
  const text = decodeText(bytes, start, end, "topic name");
  try {
    return parseTopicName(text, limits);
  } catch (cause) {
    if (!(cause instanceof TopicSyntaxError)) throw cause;
    throw new MqttProtocolError(ReasonCode.topicNameInvalid, cause.message, { cause });
  }
}
