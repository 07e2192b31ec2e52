import { encodeCbor } from "./cbor.js";
import { encStructure } from "./encrypt0.js";

/**
 * The external_aad of every message (RFC 9052 5.3): which version of the envelope, and the topic. The publisher is in
 * the key id and the content type in the protected header, so those are bound too.
 */
export function externalAadOf(topic: string): Uint8Array {
  return encodeCbor(["smqtt-v1", topic]);
}

/** Topics whose Enc_structure is kept. */
const MAX_TOPICS = 256;
/** The Enc_structure begins: array of 3 (1 byte), text "Encrypt0" (1 + 8), head of a byte string of 24 to 255 (2), … */
const PROTECTED_START = 1 + 1 + "Encrypt0".length + 2;

/**
 * The Enc_structure (RFC 9052 5.3) of message after message: for one topic they differ in the protected header alone,
 * so it is written over the last one where the lengths agree.
 */
export class MessageAad {
  readonly #structureByTopic = new Map<string, { readonly bytes: Uint8Array; readonly protectedLength: number }>();

  /** The structure; good until the next call. @param protectedBytes 24 to 255 bytes, as every protected header here. */
  of(topic: string, protectedBytes: Uint8Array): Uint8Array {
    const last = this.#structureByTopic.get(topic);
    if (last !== undefined && last.protectedLength === protectedBytes.length) {
      last.bytes.set(protectedBytes, PROTECTED_START);
      return last.bytes;
    }
    const bytes = encStructure(protectedBytes, externalAadOf(topic));
    if (protectedBytes.length < 24 || protectedBytes.length > 255) return bytes; // with a head of another length
    if (this.#structureByTopic.size >= MAX_TOPICS) this.#structureByTopic.clear();
    this.#structureByTopic.set(topic, { bytes, protectedLength: protectedBytes.length });
    return bytes;
  }
}
