import type { MessageProperties } from "@isthmus/exchange";
import { encodeProperties } from "@isthmus/mqtt/codec";

/** Properties that MQTT cannot carry. */
export class MessagePropertiesError extends Error {
  override readonly name = "MessagePropertiesError";
}

/**
 * The properties of a message as MQTT 5.0 carries them (3.3.2.3), without their length.
 *
 * @throws MessagePropertiesError for a response topic that is no topic name, a text that holds U+0000 or half of a
 * surrogate pair (1.5.4), and more than 65,535 bytes of text or correlation data (1.5.6).
 */
export function encodeMessageProperties(properties: MessageProperties): Uint8Array {
  const { isUtf8, contentType, responseTopic, correlationData, userProperties } = properties;
  try {
    return encodeProperties(
      { payloadFormatIndicator: isUtf8, contentType, responseTopic, correlationData, userProperties },
      "publish",
    );
  } catch (cause) {
    throw new MessagePropertiesError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
