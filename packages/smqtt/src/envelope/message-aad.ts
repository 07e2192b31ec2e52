import { encodeCbor } from "./cbor.js";

/**
 * The external_aad of every message (RFC 9052 5.3): which version of the envelope, and the topic. The publisher is in
 * the key id and the content type in the protected header, so those are bound too.
 */
export function externalAadOf(topic: string): Uint8Array {
  return encodeCbor(["smqtt-v1", topic]);
}
