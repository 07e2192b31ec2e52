import type { Authentication } from "../client/options.js";
import { toBase64 } from "./base64.js";
import { ScramClient, type ScramClientOptions } from "./scram-client.js";

/** The name of the method, in CONNECT and AUTH (4.12). */
export const SCRAM_SHA_256 = "SCRAM-SHA-256";

/**
 * Logs in by SCRAM-SHA-256 (MQTT 5.0 4.12, RFC 7677): the password is not sent, and the server proves that it knows it.
 *
 * @example
 * await connect("mqtt://localhost", { authentication: scramSha256({ username: "anna", password: "sesame" }) });
 *
 * @throws RangeError for a user name or password that may not be one (RFC 4013).
 */
export function scramSha256(options: Omit<ScramClientOptions, "nonce">): Authentication {
  const begin = (): ScramClient => new ScramClient({ ...options, nonce: randomNonce() });
  let exchange = begin();
  return {
    method: SCRAM_SHA_256,
    start: () => {
      exchange = begin();
      return exchange.first();
    },
    respond: (data) => exchange.final(data),
    finish: (data) => exchange.verify(data),
  };
}

/** As long as the ones of RFC 7677's example, and in base64, which has no comma. */
function randomNonce(): string {
  return toBase64(crypto.getRandomValues(new Uint8Array(18)));
}
