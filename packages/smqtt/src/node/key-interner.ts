import { toHex } from "@isthmus/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import type { SuiteCall } from "./suite-calls.js";

/** Keys kept; the least recently used is dropped first. */
const MAX_KEYS = 64;

/**
 * Gives the same array for the same bytes. Messages to a worker are copies, and suites remember what they parsed by
 * the array: without this every call would check a public key anew, a tenth of a second on noble.
 */
export class KeyInterner {
  readonly #arrayByDigest = new Map<string, Uint8Array>();

  /** The call with its long-lived keys interned. */
  intern(call: SuiteCall): SuiteCall {
    if (call.method === "wrap") {
      const { publisher } = call;
      return { ...call, publisher: { ...publisher, parameters: this.#same(publisher.parameters) } };
    }
    if (call.method === "unwrap") {
      const { reader } = call;
      const { parameters, readerKey } = reader;
      return { ...call, reader: { ...reader, parameters: this.#same(parameters), readerKey: this.#same(readerKey) } };
    }
    return call;
  }

  #same(bytes: Uint8Array): Uint8Array {
    const digest = toHex(sha256(bytes));
    const same = this.#arrayByDigest.get(digest) ?? bytes;
    this.#arrayByDigest.delete(digest);
    this.#arrayByDigest.set(digest, same);
    for (const oldest of this.#arrayByDigest.keys()) {
      if (this.#arrayByDigest.size <= MAX_KEYS) break;
      this.#arrayByDigest.delete(oldest);
    }
    return same;
  }
}
