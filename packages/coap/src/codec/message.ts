import type { Options } from "./options.js";

/** What every transport carries: a code, a token, options, a payload (RFC 7252 3, RFC 8323 3). */
export interface CoapMessage {
  readonly code: number;
  readonly token: Uint8Array;
  readonly options: Options;
  /** Empty when there is none. */
  readonly payload: Uint8Array;
}

/** No bytes: the token, the payload of a message that has none. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);
