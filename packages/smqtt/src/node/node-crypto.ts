import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  scrypt,
  sign,
  verify,
} from "node:crypto";
import { concatBytes, fromHex } from "@isthmus/bytes";
import { type AeadAlgorithm, TAG_BYTES } from "../envelope/cose-parameters.js";
import {
  type Aead,
  checkKeyLength,
  type CryptoBackend,
  SCRYPT_KEY_BYTES,
  scryptOptions,
} from "../envelope/crypto-backend.js";

/** node:crypto's name of each AEAD. */
const CIPHER_NAME = { 1: "aes-128-gcm", 2: "aes-192-gcm", 3: "aes-256-gcm", 24: "chacha20-poly1305" } as const;
/** DER up to the key, of a PKCS #8 private and an SPKI public key of Ed25519 (RFC 8410 7, 4). */
const PRIVATE_KEY_PREFIX = fromHex("302e020100300506032b657004220420");
const PUBLIC_KEY_PREFIX = fromHex("302a300506032b6570032100");

/** The symmetric and signature work of the envelope over node:crypto. */
export const nodeCrypto: CryptoBackend = {
  name: "node",
  aead(algorithm, key) {
    checkKeyLength(algorithm, key);
    return nodeAead(algorithm, createSecretKey(key));
  },
  sign: (secretKey, message) => new Uint8Array(sign(null, message, privateKeyOf(secretKey))),
  verify(publicKey, message, signature) {
    try {
      return verify(null, message, publicKeyOf(publicKey), signature);
    } catch {
      return false; // not a point
    }
  },
  scrypt: async (password, salt, logCost) =>
    new Promise((resolve, reject) => {
      scrypt(password, salt, SCRYPT_KEY_BYTES, scryptOptions(logCost), (error, key) =>
        error === null ? resolve(new Uint8Array(key)) : reject(error),
      );
    }),
};

/** Making a key object takes longer than signing with it: each array's is kept as long as the array. */
const privateKeyOf = remembered((secretKey) => {
  const key = Buffer.from(concatBytes([PRIVATE_KEY_PREFIX, secretKey]));
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
});
const publicKeyOf = remembered((publicKey) => {
  const key = Buffer.from(concatBytes([PUBLIC_KEY_PREFIX, publicKey]));
  return createPublicKey({ key, format: "der", type: "spki" });
});

function remembered(make: (bytes: Uint8Array) => KeyObject): (bytes: Uint8Array) => KeyObject {
  const keys = new WeakMap<Uint8Array, KeyObject>();
  return (bytes) => {
    const key = keys.get(bytes) ?? make(bytes);
    keys.set(bytes, key);
    return key;
  };
}

function nodeAead(algorithm: AeadAlgorithm, key: KeyObject): Aead {
  // The names of the GCM ciphers give the calls the types that authTagLength and setAAD need; ChaCha's are the same.
  const name = CIPHER_NAME[algorithm] as "aes-256-gcm";
  const options = { authTagLength: TAG_BYTES };
  return {
    seal(nonce, additionalData, plaintext, output) {
      const cipher = createCipheriv(name, key, nonce, options);
      cipher.setAAD(additionalData, { plaintextLength: plaintext.length });
      output.set(cipher.update(plaintext));
      cipher.final();
      output.set(cipher.getAuthTag(), plaintext.length);
    },
    open(nonce, additionalData, sealed) {
      const length = sealed.length - TAG_BYTES;
      if (length < 0) return undefined;
      const decipher = createDecipheriv(name, key, nonce, options);
      decipher.setAAD(additionalData, { plaintextLength: length });
      decipher.setAuthTag(sealed.subarray(length));
      const plaintext = decipher.update(sealed.subarray(0, length));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      // A plain array: what a Buffer calls slice() is no copy.
      return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
    },
  };
}
