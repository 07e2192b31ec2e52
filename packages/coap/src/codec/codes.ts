/**
 * Every code that CoAP defines: `class << 5 | detail`, written `c.dd` (RFC 7252 3, 12.1).
 *
 * The one place where a code, its key and its name stand together.
 */
const table = {
  EMPTY: [0x00, "Empty"],
  GET: [0x01, "GET"],
  POST: [0x02, "POST"],
  PUT: [0x03, "PUT"],
  DELETE: [0x04, "DELETE"],
  FETCH: [0x05, "FETCH"], // RFC 8132
  PATCH: [0x06, "PATCH"], // RFC 8132
  IPATCH: [0x07, "iPATCH"], // RFC 8132
  CREATED: [0x41, "Created"],
  DELETED: [0x42, "Deleted"],
  VALID: [0x43, "Valid"],
  CHANGED: [0x44, "Changed"],
  CONTENT: [0x45, "Content"],
  CONTINUE: [0x5f, "Continue"], // RFC 7959
  BAD_REQUEST: [0x80, "Bad Request"],
  UNAUTHORIZED: [0x81, "Unauthorized"],
  BAD_OPTION: [0x82, "Bad Option"],
  FORBIDDEN: [0x83, "Forbidden"],
  NOT_FOUND: [0x84, "Not Found"],
  METHOD_NOT_ALLOWED: [0x85, "Method Not Allowed"],
  NOT_ACCEPTABLE: [0x86, "Not Acceptable"],
  REQUEST_ENTITY_INCOMPLETE: [0x88, "Request Entity Incomplete"], // RFC 7959
  CONFLICT: [0x89, "Conflict"], // RFC 8132
  PRECONDITION_FAILED: [0x8c, "Precondition Failed"],
  REQUEST_ENTITY_TOO_LARGE: [0x8d, "Request Entity Too Large"],
  UNSUPPORTED_CONTENT_FORMAT: [0x8f, "Unsupported Content-Format"],
  UNPROCESSABLE_ENTITY: [0x96, "Unprocessable Entity"], // RFC 8132
  TOO_MANY_REQUESTS: [0x9d, "Too Many Requests"], // RFC 8516
  INTERNAL_SERVER_ERROR: [0xa0, "Internal Server Error"],
  NOT_IMPLEMENTED: [0xa1, "Not Implemented"],
  BAD_GATEWAY: [0xa2, "Bad Gateway"],
  SERVICE_UNAVAILABLE: [0xa3, "Service Unavailable"],
  GATEWAY_TIMEOUT: [0xa4, "Gateway Timeout"],
  PROXYING_NOT_SUPPORTED: [0xa5, "Proxying Not Supported"],
  HOP_LIMIT_REACHED: [0xa8, "Hop Limit Reached"], // RFC 8768
  CSM: [0xe1, "CSM"], // RFC 8323
  PING: [0xe2, "Ping"], // RFC 8323
  PONG: [0xe3, "Pong"], // RFC 8323
  RELEASE: [0xe4, "Release"], // RFC 8323
  ABORT: [0xe5, "Abort"], // RFC 8323
} as const satisfies Record<string, readonly [code: number, name: string]>;

/** A key of {@link Code}, as `"GET"` or `"NOT_FOUND"`. */
export type CodeKey = keyof typeof table;

/** The codes by key: `Code.GET` is 0x01, `Code.NOT_FOUND` is 0x84. */
export const Code = Object.fromEntries(
  Object.entries(table).map(([key, [code]]) => [key, code]),
  // fromEntries forgets which key has which value; the table says so.
) as { readonly [K in CodeKey]: (typeof table)[K][0] };

const nameByCode = new Map<number, string>(Object.values(table));

/** The standard's name of `code` ("Not Found"), or undefined when it has none. */
export function codeName(code: number): string | undefined {
  return nameByCode.get(code);
}

/** `code` as `c.dd`: 0x84 is "4.04". */
export function formatCode(code: number): string {
  return `${code >>> 5}.${String(code & 0x1f).padStart(2, "0")}`;
}

/**
 * The code that `text` spells as `c.dd` or by name or key in any case: "4.04", "Not Found" and "not_found" are 0x84.
 *
 * @throws SyntaxError for anything else.
 */
export function parseCode(text: string): number {
  const digits = /^([0-7])\.([0-9]{2})$/.exec(text);
  if (digits) {
    const detail = Number(digits[2]);
    if (detail <= 31) return (Number(digits[1]) << 5) | detail;
  }
  const wanted = text.toLowerCase();
  for (const [key, [code, name]] of Object.entries(table)) {
    if (key.toLowerCase() === wanted || name.toLowerCase() === wanted) return code;
  }
  throw new SyntaxError(`"${text}" is not a CoAP code`);
}

/** Whether `code` is a method: class 0 without the empty message (RFC 7252 3). */
export function isRequestCode(code: number): boolean {
  return code > 0 && code < 0x20;
}

/** Whether `code` is of class 2, 4 or 5 (RFC 7252 3). */
export function isResponseCode(code: number): boolean {
  const codeClass = code >>> 5;
  return codeClass === 2 || codeClass === 4 || codeClass === 5;
}

/** Whether `code` is a success, class 2. */
export function isSuccessCode(code: number): boolean {
  return code >>> 5 === 2;
}

/** Whether `code` is of class 7: signalling on reliable transports (RFC 8323 5). */
export function isSignalingCode(code: number): boolean {
  return code >>> 5 === 7;
}

/** Whether a request of this method may be handled twice with the effect of once (RFC 7252 5.1, RFC 8132). */
export function isIdempotentMethod(code: number): boolean {
  return code !== Code.POST && code !== Code.PATCH;
}

/** Whether a request of this method changes nothing (RFC 7252 5.1, RFC 8132). */
export function isSafeMethod(code: number): boolean {
  return code === Code.GET || code === Code.FETCH;
}
