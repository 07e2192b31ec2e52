import { encodeUtf8, hasLoneSurrogate } from "@isthmus/bytes";
import { isMediaType } from "../../content/content-types.js";
import type { HubContext } from "../../hub-context.js";
import type { Publication, Publisher } from "../../publisher.js";
import type { Caller } from "../requests/caller.js";
import { RequestRefusedError } from "../requests/request-refusal.js";
import { problemOf } from "./problem.js";

/** The media type of a batch: a JSON object a line. */
export const NDJSON = "application/x-ndjson";

/** What became of one line of a batch. */
interface LineResult {
  /** Counted from 1. */
  readonly line: number;
  readonly status: number;
  readonly title?: string;
  readonly detail?: string;
}

/**
 * Publishes a batch in its order: `{"topic": ..., "payload": text | "payloadBase64": ... | "value": any JSON, "qos": 0-2,
 * "retain": bool, "contentType": ..., "expiry": seconds, "userProperties": [[name, value]]}` a line. A line that is
 * refused does not stop the others.
 *
 * @returns a line for each that is not empty, once all are as safe as the store makes them.
 * @throws RequestRefusedError too-large for more than `maxLines`.
 */
export async function publishBatch(
  context: HubContext,
  publisher: Publisher,
  caller: Caller,
  body: string,
  maxLines: number,
): Promise<string> {
  const lines = body.split("\n").flatMap((text, index) => (text.trim() === "" ? [] : [{ text, line: index + 1 }]));
  if (lines.length > maxLines) {
    throw new RequestRefusedError("too-large", `${lines.length} lines exceed the maximum of ${maxLines}`);
  }
  const now = context.clock.tick().epoch;
  const results = await Promise.all(
    lines.map(async ({ text, line }): Promise<LineResult> => {
      try {
        await publisher.publish(caller.identity, caller.origin, parseLine(text, now));
        return { line, status: 204 };
      } catch (error) {
        const problem = problemOf(error);
        if (problem === undefined) context.log.error({ err: error, line }, "HTTP batch failed");
        return { line, ...(problem ?? { status: 500, title: "Internal Server Error" }) };
      }
    }),
  );
  return results.map((result) => `${JSON.stringify(result)}\n`).join("");
}

function parseLine(text: string, now: number): Publication {
  const fields = parseObject(text);
  const { topic, qos = 1, retain = false, contentType, expiry, userProperties } = fields;
  if (typeof topic !== "string") throw malformed("topic is a text");
  if (qos !== 0 && qos !== 1 && qos !== 2) throw malformed("qos is 0, 1 or 2");
  if (typeof retain !== "boolean") throw malformed("retain is true or false");
  const payload = payloadOf(fields);
  return {
    topic,
    payload,
    qos,
    retain,
    properties: {
      contentType: contentTypeOf(contentType) ?? ("value" in fields ? "application/json" : undefined),
      userProperties: userPropertiesOf(userProperties),
    },
    ...(expiry !== undefined && { expiresAt: now + secondsOf(expiry) * 1000 }),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RequestRefusedError("malformed", "the line is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed("the line is an object");
  // An object of JSON has text for keys.
  return value as Readonly<Record<string, unknown>>;
}

function payloadOf({ payload, payloadBase64, value }: Readonly<Record<string, unknown>>): Uint8Array {
  const given = [payload, payloadBase64, value].filter((each) => each !== undefined);
  if (given.length !== 1) throw malformed("there is one of payload, payloadBase64 and value");
  if (value !== undefined) return encodeUtf8(JSON.stringify(value));
  if (typeof payload === "string") {
    if (hasLoneSurrogate(payload)) throw malformed("payload has no halves of surrogate pairs");
    return encodeUtf8(payload);
  }
  if (typeof payloadBase64 === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(payloadBase64)) {
    return Buffer.from(payloadBase64, "base64");
  }
  throw malformed("payload is a text, payloadBase64 is base64");
}

function contentTypeOf(value: unknown): string | undefined {
  if (value === undefined || (typeof value === "string" && isMediaType(value))) return value;
  throw malformed("contentType is a media type");
}

function secondsOf(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 0xffff_ffff) return value;
  throw malformed("expiry is a number of seconds from 1 to 4294967295");
}

function userPropertiesOf(value: unknown): (readonly [string, string])[] | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every(isPair)) return value;
  throw malformed("userProperties is a list of pairs of texts");
}

function isPair(value: unknown): value is readonly [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((item) => typeof item === "string");
}

function malformed(rule: string): RequestRefusedError {
  return new RequestRefusedError("malformed", rule);
}
