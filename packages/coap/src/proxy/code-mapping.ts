import { Code, codeName, formatCode } from "../codec/codes.js";

/** How a CoAP response code and HTTP's status codes stand for each other. */
export interface CodeMapping {
  readonly code: number;
  /** The HTTP status that it becomes (RFC 8075 7); undefined when it never leaves CoAP. */
  readonly httpStatus: number | undefined;
  /** The HTTP status when there is no payload, where that makes a difference. */
  readonly httpStatusWithoutPayload?: number;
  /** HTTP statuses that become it, whatever the method (RFC 7252 10.1). */
  readonly fromHttp: readonly number[];
  /** What is to be known, for people. */
  readonly note?: string;
}

/** Each response code, by ascending number: the one table of both directions, and of the documentation. */
export const codeMappings: readonly CodeMapping[] = [
  { code: Code.CREATED, httpStatus: 201, fromHttp: [201] },
  {
    code: Code.DELETED,
    httpStatus: 200,
    httpStatusWithoutPayload: 204,
    fromHttp: [],
    note: "from HTTP: 200, 202 and 204 to DELETE",
  },
  { code: Code.VALID, httpStatus: 304, fromHttp: [304], note: "200 with the stored body when the cache asked" },
  {
    code: Code.CHANGED,
    httpStatus: 200,
    httpStatusWithoutPayload: 204,
    fromHttp: [],
    note: "from HTTP: 200, 202 and 204 to POST, PUT, PATCH",
  },
  { code: Code.CONTENT, httpStatus: 200, fromHttp: [], note: "from HTTP: 200, 203 and 204 to GET" },
  { code: Code.CONTINUE, httpStatus: undefined, fromHttp: [], note: "between blocks only" },
  { code: Code.BAD_REQUEST, httpStatus: 400, fromHttp: [400], note: "from HTTP: other 4xx as well" },
  { code: Code.UNAUTHORIZED, httpStatus: 403, fromHttp: [401, 407], note: "401 would need WWW-Authenticate" },
  { code: Code.BAD_OPTION, httpStatus: 500, fromHttp: [], note: "the mapping, not the client, is at fault" },
  { code: Code.FORBIDDEN, httpStatus: 403, fromHttp: [403, 451] },
  { code: Code.NOT_FOUND, httpStatus: 404, fromHttp: [404, 410] },
  { code: Code.METHOD_NOT_ALLOWED, httpStatus: 400, fromHttp: [405], note: "405 would need Allow" },
  { code: Code.NOT_ACCEPTABLE, httpStatus: 406, fromHttp: [406] },
  { code: Code.REQUEST_ENTITY_INCOMPLETE, httpStatus: undefined, fromHttp: [], note: "between blocks only" },
  { code: Code.CONFLICT, httpStatus: 409, fromHttp: [409] },
  { code: Code.PRECONDITION_FAILED, httpStatus: 412, fromHttp: [412, 428] },
  { code: Code.REQUEST_ENTITY_TOO_LARGE, httpStatus: 413, fromHttp: [413] },
  { code: Code.UNSUPPORTED_CONTENT_FORMAT, httpStatus: 415, fromHttp: [415] },
  { code: Code.UNPROCESSABLE_ENTITY, httpStatus: 422, fromHttp: [422] },
  { code: Code.TOO_MANY_REQUESTS, httpStatus: 429, fromHttp: [429], note: "Max-Age is Retry-After" },
  { code: Code.INTERNAL_SERVER_ERROR, httpStatus: 500, fromHttp: [500], note: "from HTTP: other 5xx as well" },
  { code: Code.NOT_IMPLEMENTED, httpStatus: 501, fromHttp: [501] },
  { code: Code.BAD_GATEWAY, httpStatus: 502, fromHttp: [502], note: "from HTTP: 1xx and 3xx as well" },
  { code: Code.SERVICE_UNAVAILABLE, httpStatus: 503, fromHttp: [503], note: "Max-Age is Retry-After" },
  { code: Code.GATEWAY_TIMEOUT, httpStatus: 504, fromHttp: [504, 408] },
  { code: Code.PROXYING_NOT_SUPPORTED, httpStatus: 502, fromHttp: [], note: "of a proxy behind this one" },
  { code: Code.HOP_LIMIT_REACHED, httpStatus: 508, fromHttp: [508] },
];

const mappingByCode = new Map(codeMappings.map((mapping) => [mapping.code, mapping]));
const codeByStatus = new Map(codeMappings.flatMap(({ code, fromHttp }) => fromHttp.map((status) => [status, code])));

/** Codes of success by CoAP method: what HTTP's 200 and 204 mean depends on what was asked (RFC 7252 10.1). */
const successByMethod: ReadonlyMap<number, number> = new Map([
  [Code.GET, Code.CONTENT],
  [Code.DELETE, Code.DELETED],
]);

/** The HTTP status for a CoAP response (RFC 8075 7). A code that nobody registered goes by its class. */
export function httpStatusOf(code: number, hasPayload: boolean): number {
  const mapping = mappingByCode.get(code);
  // RFC 7252 5.9: an unrecognized code is treated as the generic one of its class.
  if (mapping === undefined) return code >>> 5 === 2 ? 200 : code >>> 5 === 4 ? 400 : 502;
  return (hasPayload ? undefined : mapping.httpStatusWithoutPayload) ?? mapping.httpStatus ?? 502;
}

/** The CoAP code for an HTTP response to a request of `method` (RFC 7252 10.1). */
export function codeOfHttpStatus(status: number, method: number): number {
  const code = codeByStatus.get(status);
  if (code !== undefined) return code;
  if (status >= 200 && status < 300) return successByMethod.get(method) ?? Code.CHANGED;
  if (status >= 400 && status < 500) return Code.BAD_REQUEST;
  return status >= 500 ? Code.INTERNAL_SERVER_ERROR : Code.BAD_GATEWAY;
}

/** {@link codeMappings} as a table in Markdown: what the documentation shows. */
export function formatCodeMappings(): string {
  const rows = codeMappings.map(({ code, httpStatus, httpStatusWithoutPayload, fromHttp, note }) => {
    const to = [httpStatus, httpStatusWithoutPayload].filter((status) => status !== undefined).join(" / ");
    return `| ${formatCode(code)} ${codeName(code)} | ${to || "-"} | ${fromHttp.join(", ") || "-"} | ${note ?? ""} |`;
  });
  return ["| CoAP | to HTTP (with / without payload) | from HTTP | |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
