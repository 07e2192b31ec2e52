import { Code, CoapError, Option } from "@isthmus/coap";
import { asRequestRefusal, type RequestRefusal } from "../requests/request-refusal.js";

/** The response code for each way in which a request comes to nothing. */
const codeByRefusal: Readonly<Record<RequestRefusal, number>> = {
  malformed: Code.BAD_REQUEST,
  unauthenticated: Code.UNAUTHORIZED,
  forbidden: Code.FORBIDDEN,
  misdirected: Code.FORBIDDEN,
  "not-found": Code.NOT_FOUND,
  "method-not-allowed": Code.METHOD_NOT_ALLOWED,
  "not-acceptable": Code.NOT_ACCEPTABLE,
  "precondition-failed": Code.PRECONDITION_FAILED,
  "too-large": Code.REQUEST_ENTITY_TOO_LARGE,
  "unsupported-content": Code.UNSUPPORTED_CONTENT_FORMAT,
  "too-many": Code.TOO_MANY_REQUESTS,
  unavailable: Code.SERVICE_UNAVAILABLE,
};

/**
 * The error of CoAP for one of the hub's, or the error itself when it is none of them.
 *
 * @param maximumBodySize what Size1 tells with 4.13 (RFC 7959 4).
 */
export function toCoapError(error: unknown, maximumBodySize: number): unknown {
  const refused = asRequestRefusal(error);
  if (refused === undefined) return error;
  const options = refused.refusal === "too-large" ? [[Option.SIZE1, maximumBodySize] as const] : [];
  return new CoapError(codeByRefusal[refused.refusal], refused.message, { cause: refused, options });
}
