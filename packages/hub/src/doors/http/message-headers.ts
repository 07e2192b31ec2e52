import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Message, MessageProperties } from "@isthmus/exchange";
import { contentTypeOfHttp, httpContentOf, isMediaType } from "../../content/content-types.js";
import { RequestRefusedError } from "../requests/request-refusal.js";

/*
 * The properties of a message as headers, both ways:
 *
 *   Content-Type, Content-Encoding   the content type, see content/content-types.ts
 *   Response-Topic                   the response topic, percent-encoded
 *   Correlation-Data                 the correlation data, in base64
 *   traceparent, tracestate          the user properties of these names (W3C Trace Context)
 *   User-Property: NAME=VALUE        any other user property, both percent-encoded; one header each, in order
 */

/** User properties that have a header of their own. */
const TRACE_HEADERS = ["traceparent", "tracestate"];

/** What curl says of anything that it is given with -d. Nobody publishes forms. */
const FORM = "application/x-www-form-urlencoded";

/** User properties of a message at the most. */
const MAX_USER_PROPERTIES = 100;

/**
 * The properties that the headers of a request say.
 *
 * @throws RequestRefusedError malformed for a header that is not of the form above, unsupported-content for a coding.
 */
export function propertiesOf(request: IncomingMessage): MessageProperties {
  const { headers } = request;
  const responseTopic = headerOf(request, "response-topic");
  const correlationData = headerOf(request, "correlation-data");
  const userProperties = userPropertiesOf(request);
  return {
    contentType: contentTypeOf(headers["content-type"], headers["content-encoding"]),
    responseTopic: responseTopic && decode("Response-Topic", responseTopic),
    correlationData: correlationData === undefined ? undefined : Buffer.from(correlationData, "base64"),
    userProperties: userProperties.length === 0 ? undefined : userProperties,
  };
}

/** The headers that say a message's properties. What cannot be said in a header is left out. */
export function headersOf({ properties }: Message): OutgoingHttpHeaders {
  const { contentType, isUtf8, responseTopic, correlationData, userProperties = [] } = properties ?? {};
  const http = contentType === undefined || !isMediaType(contentType) ? undefined : httpContentOf(contentType);
  const own = userProperties.filter(([name]) => !TRACE_HEADERS.includes(name));
  const traces = userProperties.filter(([name, value]) => TRACE_HEADERS.includes(name) && /^[\x21-\x7e]+$/.test(value));
  return {
    ...(http && { "content-type": http.contentType }),
    ...(http?.contentEncoding !== undefined && { "content-encoding": http.contentEncoding }),
    ...(contentType === undefined && isUtf8 === true && { "content-type": "text/plain; charset=utf-8" }),
    ...(responseTopic !== undefined && {
      "response-topic": responseTopic.split("/").map(encodeURIComponent).join("/"),
    }),
    ...(correlationData && { "correlation-data": Buffer.from(correlationData).toString("base64") }),
    ...Object.fromEntries(traces),
    ...(own.length > 0 && {
      "user-property": own.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`),
    }),
  };
}

function contentTypeOf(contentType: string | undefined, contentEncoding: string | undefined): string | undefined {
  if (contentType === undefined || contentType.startsWith(FORM)) return checkNoCoding(contentEncoding);
  if (!isMediaType(contentType)) {
    throw new RequestRefusedError("malformed", `Content-Type "${contentType}" is not a media type`);
  }
  return contentTypeOfHttp({ contentType, contentEncoding }) ?? checkNoCoding(contentEncoding);
}

function checkNoCoding(contentEncoding: string | undefined): undefined {
  if (contentEncoding === undefined || contentEncoding === "identity") return undefined;
  throw new RequestRefusedError(
    "unsupported-content",
    `Content-Encoding ${contentEncoding} is not taken for this type`,
  );
}

function userPropertiesOf(request: IncomingMessage): (readonly [name: string, value: string])[] {
  const properties: (readonly [name: string, value: string])[] = [];
  for (const name of TRACE_HEADERS) {
    const value = headerOf(request, name);
    if (value !== undefined) properties.push([name, value]);
  }
  for (const text of request.headersDistinct["user-property"] ?? []) {
    const equals = text.indexOf("=");
    if (equals < 0) throw new RequestRefusedError("malformed", `User-Property is NAME=VALUE, not "${text}"`);
    properties.push([
      decode("User-Property", text.slice(0, equals).trim()),
      decode("User-Property", text.slice(equals + 1)),
    ]);
  }
  if (properties.length > MAX_USER_PROPERTIES) {
    throw new RequestRefusedError("malformed", `${properties.length} user properties exceed ${MAX_USER_PROPERTIES}`);
  }
  return properties;
}

function headerOf({ headersDistinct }: IncomingMessage, name: string): string | undefined {
  return headersDistinct[name]?.[0];
}

function decode(header: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new RequestRefusedError("malformed", `${header} is not percent-encoded UTF-8`, { cause });
  }
}
