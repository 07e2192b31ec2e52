import { equalBytes } from "@isthmus/bytes";
import { Code } from "../codec/codes.js";
import { Option } from "../codec/option-definitions.js";
import type { Options } from "../codec/options.js";
import { CoapError } from "./coap-error.js";

/** What a resource is at the moment: the entity-tags of its representations, or that it does not exist. */
export type CurrentState = { readonly etags: readonly Uint8Array[] } | "absent";

/** Whether a request depends on the state that the resource is in. */
export function hasPreconditions(options: Options): boolean {
  return options.has(Option.IF_MATCH) || options.has(Option.IF_NONE_MATCH);
}

/** @throws CoapError with 4.12 when If-Match or If-None-Match is not fulfilled (RFC 7252 5.10.8). */
export function checkPreconditions(options: Options, state: CurrentState): void {
  if (options.has(Option.IF_NONE_MATCH) && state !== "absent") {
    throw new CoapError(Code.PRECONDITION_FAILED, "it exists");
  }
  const wanted = options.all(Option.IF_MATCH);
  if (wanted.length > 0 && !wanted.some((etag) => isMatched(etag, state))) {
    throw new CoapError(Code.PRECONDITION_FAILED, state === "absent" ? "it does not exist" : "it is in another state");
  }
}

/** RFC 7252 5.10.8.1: an empty value asks for existence alone. */
function isMatched(etag: Uint8Array, state: CurrentState): boolean {
  if (state === "absent") return false;
  return etag.length === 0 || state.etags.some((current) => equalBytes(current, etag));
}
