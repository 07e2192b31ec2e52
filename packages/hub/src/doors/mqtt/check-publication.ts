import { decodeUtf8, Utf8Error } from "@isthmus/bytes";
import { MqttProtocolError, type Properties, type PublishFrame, ReasonCode } from "@isthmus/mqtt/codec";
import { parseTopicName, TopicSyntaxError } from "@isthmus/mqtt/topics";

/**
 * Checks what the properties of a PUBLISH promise.
 *
 * @throws MqttProtocolError when a client sends a subscription identifier [MQTT-3.3.4-6], a response topic that is no
 * topic name [MQTT-3.3.2-14], or a payload that is not the UTF-8 that it is said to be (3.3.2.3.2).
 */
export function checkPublication(frame: PublishFrame, properties: Properties, maximumLevels: number): void {
  if (properties.subscriptionIdentifiers !== undefined) {
    throw new MqttProtocolError(ReasonCode.protocolError, "a client sent a subscription identifier with PUBLISH");
  }
  if (properties.responseTopic !== undefined) checkResponseTopic(properties.responseTopic, maximumLevels);
  if (properties.payloadFormatIndicator === true) checkUtf8(frame);
}

function checkResponseTopic(responseTopic: string, maximumLevels: number): void {
  try {
    parseTopicName(responseTopic, { maximumLevels });
  } catch (cause) {
    if (!(cause instanceof TopicSyntaxError)) throw cause;
    throw new MqttProtocolError(ReasonCode.topicNameInvalid, `response topic: ${cause.message}`, { cause });
  }
}

function checkUtf8(frame: PublishFrame): void {
  try {
    decodeUtf8(frame.bytes, frame.payloadStart, frame.end);
  } catch (cause) {
    if (!(cause instanceof Utf8Error)) throw cause;
    throw new MqttProtocolError(ReasonCode.payloadFormatInvalid, "the payload is said to be UTF-8 and is not", {
      cause,
    });
  }
}
