import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { CONTENT_KEY_BYTES, type Suite, type SuiteMaster, UnwrapError, WrapError } from "./suite.js";

const SECRET_BYTES = 32;
/** The wrap is a salt: whoever has the group secret derives the same key from it. */
const SALT_BYTES = 32;

/**
 * One secret for a group: every member reads and writes all of it. No expiry and no revocation but a new secret for
 * everyone; microseconds and 32 bytes per wrap.
 */
export function pskSuite(): Suite {
  const fresh = (generation: number, secret: Uint8Array): SuiteMaster => ({
    generation,
    secret,
    parameters: new Uint8Array(0),
  });
  return {
    name: "psk",
    setup: async (random) => fresh(1, random(SECRET_BYTES)),
    enrol: async (master, grant) => ({
      master,
      readerKey: grant.subscribe.length > 0 ? master.secret : undefined,
      writerKey: grant.publish.length > 0 ? master.secret : undefined,
    }),
    rotate: async (master, _revoked, random) => fresh(master.generation + 1, random(SECRET_BYTES)),
    scope: () => "",
    wrap: async ({ writerKey }, _target, context, random) => {
      if (writerKey === undefined) throw new WrapError("no group secret: this device may not publish");
      const wrap = random(SALT_BYTES);
      return { contentKey: derive(writerKey, wrap, context), wrap };
    },
    unwrap: async ({ readerKey }, wrap, context) => {
      if (wrap.length !== SALT_BYTES) throw new UnwrapError();
      // A wrong secret gives a wrong key; the key id, which commits to the key, tells.
      return derive(readerKey, wrap, context);
    },
  };
}

/** HKDF-SHA-256 (RFC 5869), the wrap's context as info. */
export function derive(secret: Uint8Array, salt: Uint8Array, context: Uint8Array): Uint8Array {
  return hkdf(sha256, secret, salt, context, CONTENT_KEY_BYTES);
}
