import type { IncomingHttpHeaders } from "node:http";
import { toHex } from "@isthmus/bytes";
import { contentEtag } from "@isthmus/coap";
import type { Message } from "@isthmus/exchange";
import { formatOfContentType } from "../../content/content-types.js";
import { RequestRefusedError } from "../requests/request-refusal.js";

/** The entity-tag of a value, as it stands in headers. */
export function etagOf({ properties, payload }: Message): string {
  const contentType = properties?.contentType;
  const format = contentType === undefined ? undefined : formatOfContentType(contentType);
  return `"${toHex(contentEtag(format, payload))}"`;
}

/** Whether a request depends on the state that the value is in. */
export function hasConditions(headers: IncomingHttpHeaders): boolean {
  return headers["if-match"] !== undefined || headers["if-none-match"] !== undefined;
}

/**
 * Holds If-Match and If-None-Match of a request that writes against the value that there is (RFC 9110 13.1).
 *
 * @throws RequestRefusedError precondition-failed
 */
export function checkConditions(headers: IncomingHttpHeaders, value: Message | undefined): void {
  const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = headers;
  if (ifMatch !== undefined && !isAmong(ifMatch, value)) {
    throw new RequestRefusedError(
      "precondition-failed",
      value === undefined ? "there is no value" : "it has another value",
    );
  }
  if (ifNoneMatch !== undefined && isAmong(ifNoneMatch, value)) {
    throw new RequestRefusedError("precondition-failed", "it has a value");
  }
}

/** Whether the client has this very value, and is told so with 304 (RFC 9110 13.1.2, 13.1.3). */
export function isNotModified(headers: IncomingHttpHeaders, value: Message): boolean {
  const { "if-none-match": ifNoneMatch, "if-modified-since": since } = headers;
  if (ifNoneMatch !== undefined) return isAmong(ifNoneMatch, value);
  // Dates are in whole seconds.
  return since !== undefined && Math.floor(value.publishedAt / 1000) * 1000 <= Date.parse(since);
}

function isAmong(list: string, value: Message | undefined): boolean {
  if (value === undefined) return false;
  if (list.trim() === "*") return true;
  const etag = etagOf(value);
  return list.split(",").some((item) => item.trim().replace(/^W\//, "") === etag);
}
