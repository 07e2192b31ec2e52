import { Code } from "../codec/codes.js";
import type { CoapMessage } from "../codec/message.js";
import { Option } from "../codec/option-definitions.js";

/** A client gives up when it is challenged more often for one request. */
export const MAX_CHALLENGES = 3;

/** Whether the server wants the request again, with the Echo option that this response has (RFC 9175 2.3). */
export function isChallenge(message: CoapMessage): boolean {
  return message.code === Code.UNAUTHORIZED && message.options.has(Option.ECHO);
}
