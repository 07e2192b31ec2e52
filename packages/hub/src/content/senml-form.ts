import type { Message } from "@isthmus/exchange";
import type { SenmlRecord } from "@isthmus/coap";
import { textOf } from "./message-form.js";

/** RFC 8428 4.5.1: what a name may be made of. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9\-:./_]*$/;

/**
 * A message as a SenML record (RFC 8428): the topic is the name, the time that of publishing. The payload is a value in
 * the form that gives its bytes back: a number, `true` and `false` as such, other text as a string, the rest as data.
 *
 * A topic that SenML has no name for stands in the field `topic`, beside a name of the same shape.
 */
export function senmlRecordOf({ topic, payload, publishedAt }: Message): SenmlRecord {
  const isName = NAME.test(topic);
  return {
    name: isName ? topic : nameLike(topic),
    time: publishedAt / 1000,
    ...senmlValueOf(payload),
    ...(!isName && { extensions: { topic } }),
  };
}

function senmlValueOf(payload: Uint8Array): Pick<SenmlRecord, "value" | "booleanValue" | "stringValue" | "dataValue"> {
  const text = textOf(payload);
  if (text === undefined) return { dataValue: payload };
  if (text === "true" || text === "false") return { booleanValue: text === "true" };
  const value = Number(text);
  // "21.50" is not what the number 21.5 is written as.
  return Number.isFinite(value) && String(value) === text ? { value } : { stringValue: text };
}

function nameLike(topic: string): string {
  const name = topic.replaceAll(/[^A-Za-z0-9\-:./_]/g, "_");
  return NAME.test(name) ? name : `0${name}`;
}
