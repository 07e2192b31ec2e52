import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { AEAD_KEY_BYTES, type AeadAlgorithm, TAG_BYTES } from "./cose-parameters.js";

/**
 * Who does the symmetric and signature work of the envelope. The default runs everywhere in plain TypeScript; the
 * entry `@isthmus/smqtt/node` has one over node:crypto, an order of magnitude faster.
 */
export interface CryptoBackend {
  readonly name: string;
  /** @throws RangeError when the key is not as long as the algorithm asks. */
  aead(algorithm: AeadAlgorithm, key: Uint8Array): Aead;
  /** Ed25519 (RFC 8032). @param secretKey 32 bytes. @returns 64 bytes. */
  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** scrypt (RFC 7914) with r = 8, p = 1. @param logCost log₂ of N. @returns 32 bytes. */
  scrypt(password: Uint8Array, salt: Uint8Array, logCost: number): Promise<Uint8Array>;
}

/** An AEAD under one key. The caller never gives a nonce twice. */
export interface Aead {
  /** Writes ciphertext and tag, `plaintext.length + 16` bytes, to `output`. Keeps none of the arrays. */
  seal(nonce: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void;
  /** The plaintext, or undefined when the tag is wrong. */
  open(nonce: Uint8Array, additionalData: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

/** The backend over @noble/ciphers and @noble/curves. */
export const nobleCrypto: CryptoBackend = {
  name: "noble",
  aead(algorithm, key) {
    checkKeyLength(algorithm, key);
    const cipher = algorithm === 24 ? chacha20poly1305 : gcm;
    return {
      seal: (nonce, additionalData, plaintext, output) =>
        output.set(cipher(key, nonce, additionalData).encrypt(plaintext)),
      open: (nonce, additionalData, sealed) => {
        try {
          return cipher(key, nonce, additionalData).decrypt(sealed);
        } catch {
          return undefined; // a wrong tag, or too short to have one
        }
      },
    };
  },
  sign: (secretKey, message) => ed25519.sign(message, secretKey),
  verify(publicKey, message, signature) {
    try {
      // RFC 8032 5.1.7 to the letter: no encodings beyond the canonical ones.
      return ed25519.verify(signature, message, publicKey, { zip215: false });
    } catch {
      return false; // not a point, not 64 bytes
    }
  },
  scrypt: async (password, salt, logCost) => scryptAsync(password, salt, scryptOptions(logCost)),
};

/** A derived key. */
export const SCRYPT_KEY_BYTES = 32;

/** What both backends run scrypt with: 2^(logCost + 10) bytes of memory, and room beside it. */
export function scryptOptions(logCost: number): { N: number; r: number; p: number; dkLen: number; maxmem: number } {
  return { N: 2 ** logCost, r: 8, p: 1, dkLen: SCRYPT_KEY_BYTES, maxmem: 2 ** (logCost + 11) };
}

export function checkKeyLength(algorithm: AeadAlgorithm, key: Uint8Array): void {
  if (key.length !== AEAD_KEY_BYTES[algorithm]) {
    throw new RangeError(`a key of ${key.length} bytes for COSE algorithm ${algorithm}`);
  }
}

/** Ciphertext and tag in an array of their own. */
export function sealed(aead: Aead, nonce: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const output = new Uint8Array(plaintext.length + TAG_BYTES);
  aead.seal(nonce, additionalData, plaintext, output);
  return output;
}
