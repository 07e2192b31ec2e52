import { encodeUtf8 } from "@isthmus/bytes";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { asArray, asBytes, asUnsigned, CborError, decodeCbor, encodeCbor } from "../envelope/cbor.js";
import { ALGORITHM, NONCE_BYTES } from "../envelope/cose-parameters.js";
import { type CryptoBackend, sealed } from "../envelope/crypto-backend.js";
import type { RandomBytes } from "../random.js";

/** scrypt (RFC 7914) with N = 2^17, r = 8, p = 1: 128 MiB and about a second, the advice of OWASP. */
const LOG_COST = 17;
const BLOCK_SIZE = 8;
const PARALLELISM = 1;
/** What a file may ask for: 2^20, a gigabyte. */
const MAX_LOG_COST = 20;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const VERSION = 1;

/** The file is none of ours, was altered, or the passphrase is wrong: which, cannot be told. */
export class PassphraseError extends Error {
  override readonly name = "PassphraseError";
}

/**
 * Encrypts with a passphrase: `[version, kind, log₂ N, salt, nonce, AES-256-GCM ciphertext]` in CBOR, the first four
 * authenticated.
 *
 * @param kind what the file holds; it opens as nothing else.
 * @param logCost log₂ of scrypt's N, for tests and small machines.
 */
export async function sealWithPassphrase(
  crypto: CryptoBackend,
  random: RandomBytes,
  kind: string,
  passphrase: string,
  plaintext: Uint8Array,
  logCost: number = LOG_COST,
): Promise<Uint8Array> {
  const salt = random(SALT_BYTES);
  const nonce = random(NONCE_BYTES);
  const key = await deriveKey(passphrase, salt, logCost);
  const header = encodeCbor([VERSION, kind, logCost, salt]);
  const ciphertext = sealed(crypto.aead(ALGORITHM.A256GCM, key), nonce, header, plaintext);
  return encodeCbor([VERSION, kind, logCost, salt, nonce, ciphertext]);
}

/** @throws PassphraseError. */
export async function openWithPassphrase(
  crypto: CryptoBackend,
  kind: string,
  passphrase: string,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const { logCost, salt, nonce, sealed } = parseFile(kind, bytes);
  const key = await deriveKey(passphrase, salt, logCost);
  const header = encodeCbor([VERSION, kind, logCost, salt]);
  const plaintext = crypto.aead(ALGORITHM.A256GCM, key).open(nonce, header, sealed);
  if (plaintext === undefined) throw new PassphraseError("wrong passphrase, or the file was altered");
  return plaintext;
}

function parseFile(
  kind: string,
  bytes: Uint8Array,
): { logCost: number; salt: Uint8Array; nonce: Uint8Array; sealed: Uint8Array } {
  try {
    const [version, fileKind, logCost, salt, nonce, sealed] = asArray(decodeCbor(bytes), 6);
    const cost = asUnsigned(logCost);
    if (version === VERSION && fileKind === kind && cost <= MAX_LOG_COST) {
      return { logCost: cost, salt: asBytes(salt), nonce: asBytes(nonce, NONCE_BYTES), sealed: asBytes(sealed) };
    }
  } catch (cause) {
    if (!(cause instanceof CborError)) throw cause;
  }
  throw new PassphraseError(`not a file of the kind "${kind}"`);
}

/** In form NFKC, so that one passphrase typed on two keyboards is one. */
async function deriveKey(passphrase: string, salt: Uint8Array, logCost: number): Promise<Uint8Array> {
  const password = encodeUtf8(passphrase.normalize("NFKC"));
  return scryptAsync(password, salt, {
    N: 2 ** logCost,
    r: BLOCK_SIZE,
    p: PARALLELISM,
    dkLen: KEY_BYTES,
    maxmem: 2 ** (MAX_LOG_COST + 11),
  });
}
