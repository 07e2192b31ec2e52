import { Code, errorResponse, type IncomingRequest, Option } from "@isthmus/coap";
import { clockNow } from "@isthmus/coap/transport-node";
import type { HubContext } from "../../hub-context.js";
import { toCoapError } from "./coap-refusal.js";

/** Answers `incoming` with what `error` means to whoever asked; one that nobody foresaw is logged, and is 5.00. */
export function respondError(
  { log }: HubContext,
  incoming: IncomingRequest,
  error: unknown,
  maximumBodySize = Number.POSITIVE_INFINITY,
): void {
  const response = errorResponse(toCoapError(error, maximumBodySize), incoming.options.uint(Option.ACCEPT));
  if (response.code === Code.INTERNAL_SERVER_ERROR)
    log.error({ err: error, path: incoming.path.text }, "CoAP request failed");
  incoming.respond(clockNow(), response);
}
