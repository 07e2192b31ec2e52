import { encodeUtf8, Utf8Error } from "@isthmus/bytes";
import { Code, codeName } from "../codec/codes.js";
import { CoapUriError } from "../codec/errors.js";
import { Option } from "../codec/option-definitions.js";
import { type OptionEntry, Options } from "../codec/options.js";
import type { Response } from "../endpoint/incoming.js";
import { encodeCbor } from "../media/cbor.js";
import { MediaError } from "../media/media.js";

/** What a {@link CoapError} tells beside its code and message. */
export interface CoapErrorOptions extends ErrorOptions {
  /** Seconds for which the response holds: after 5.03 and 4.29, when to try again (RFC 7252 5.9.3.4, RFC 8516). */
  readonly maxAge?: number;
  /** Options of the response, as Size1 with 4.13. */
  readonly options?: readonly OptionEntry[];
}

/**
 * An error that knows the response it becomes: throw it in a handler.
 *
 * @example
 * throw new CoapError(Code.NOT_FOUND, `there is no sensor "${id}"`);
 */
export class CoapError extends Error {
  override readonly name = "CoapError";
  /** Of class 4 or 5. */
  readonly code: number;
  readonly maxAge: number | undefined;
  readonly options: readonly OptionEntry[];

  /**
   * @param message goes out as the diagnostic payload; default: the name of the code.
   * @throws RangeError when `code` is not of class 4 or 5.
   */
  constructor(code: number, message: string = codeName(code) ?? "error", options: CoapErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    if (code >>> 5 !== 4 && code >>> 5 !== 5) throw new RangeError(`${code} is not the code of an error`);
    this.code = code;
    this.maxAge = options.maxAge;
    this.options = options.options ?? [];
  }
}

/** CoRE problem details (RFC 9290), sent to whom asks for them. */
const PROBLEM_DETAILS = 257;
/** Its keys (RFC 9290 2). */
const problemKey = { title: -1, detail: -2, responseCode: -4 } as const;

/** The error that goes out for one that was thrown; undefined for one that nobody foresaw: 5.00, and a bug. */
export function asCoapError(error: unknown): CoapError | undefined {
  if (error instanceof CoapError) return error;
  if (error instanceof MediaError) {
    // RFC 7252 5.9.2.10: 4.15 is about the format; a payload that is not what it says is a bad request.
    const code = error.isSupported ? Code.BAD_REQUEST : Code.UNSUPPORTED_CONTENT_FORMAT;
    return new CoapError(code, error.message, { cause: error });
  }
  // RFC 7252 5.4.3: a critical option whose value is not of its format is not understood.
  if (error instanceof Utf8Error || error instanceof CoapUriError) {
    return new CoapError(Code.BAD_OPTION, error.message, { cause: error });
  }
  return undefined;
}

/**
 * The response for what a handler threw: the diagnostic as plain text (RFC 7252 5.5.2), or as problem details when
 * `accept` asks for them (RFC 9290).
 */
export function errorResponse(error: unknown, accept?: number): Response {
  // What nobody foresaw may hold secrets: its message stays here.
  const { code, message, maxAge, options } = asCoapError(error) ?? new CoapError(Code.INTERNAL_SERVER_ERROR);
  const entries: OptionEntry[] = [...options];
  if (maxAge !== undefined) entries.push([Option.MAX_AGE, maxAge]);
  if (accept !== PROBLEM_DETAILS) return { code, options: Options.of(...entries), payload: encodeUtf8(message) };
  entries.push([Option.CONTENT_FORMAT, PROBLEM_DETAILS]);
  const title = codeName(code) ?? "";
  const details = new Map<number, unknown>([
    [problemKey.title, title],
    [problemKey.detail, message],
    [problemKey.responseCode, code],
  ]);
  return { code, options: Options.of(...entries), payload: encodeCbor(details) };
}
