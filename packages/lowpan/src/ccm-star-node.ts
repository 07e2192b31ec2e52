import { createCipheriv, createDecipheriv } from "node:crypto";
import { type CcmStar, NONCE_LENGTH } from "./wire/mac/ccm-star.js";

const ALGORITHM = "aes-128-ccm";

/** AES-CCM* by Node's OpenSSL. Keys have 16 octets, nonces 13, MICs 0, 4, 8 or 16. */
export const nodeCcmStar: CcmStar = {
  seal(key, nonce, authenticated, plaintext, micLength) {
    if (micLength === 0) return crypt(key, nonce, plaintext);
    const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: micLength });
    cipher.setAAD(authenticated, { plaintextLength: plaintext.length });
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return Buffer.concat([ciphertext, cipher.getAuthTag()]);
  },

  open(key, nonce, authenticated, sealed, micLength) {
    if (micLength === 0) return crypt(key, nonce, sealed);
    const end = sealed.length - micLength;
    if (end < 0) return undefined;
    const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: micLength });
    decipher.setAuthTag(sealed.subarray(end));
    decipher.setAAD(authenticated, { plaintextLength: end });
    try {
      const plaintext = decipher.update(sealed.subarray(0, end));
      decipher.final();
      return plaintext;
    } catch {
      // OpenSSL says no more than that the tag does not match.
      return undefined;
    }
  },
};

/** CCM* without a MIC is its counter mode, which OpenSSL's CCM does not offer alone: encrypts and decrypts alike. */
function crypt(key: Uint8Array, nonce: Uint8Array, text: Uint8Array): Uint8Array {
  const counter = new Uint8Array(16);
  // RFC 3610 2.3: flags with L' = 1 (a 2-octet counter), the nonce, then the counter from 1 for the text.
  counter[0] = 1;
  counter.set(nonce, 1);
  counter[NONCE_LENGTH + 2] = 1;
  const cipher = createCipheriv("aes-128-ctr", key, counter);
  return cipher.update(text);
}
