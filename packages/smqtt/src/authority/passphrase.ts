import { encodeUtf8 } from "@isthmus/bytes";
import { asArray, asBytes, asText, asUnsigned, CborError, decodeCbor, encodeCbor } from "../envelope/cbor.js";
import { ALGORITHM, CoseError, NONCE_BYTES } from "../envelope/cose-parameters.js";
import { type CryptoBackend, sealed } from "../envelope/crypto-backend.js";
import { rethrowing } from "../envelope/encrypt0.js";
import type { RandomBytes } from "../random.js";

/** scrypt (RFC 7914) with N = 2^17, r = 8, p = 1: 128 MiB and about a second in plain TypeScript, the advice of OWASP. */
const LOG_COST = 17;
/** What a file may ask for: 2^20, a gigabyte. */
const MAX_LOG_COST = 20;
const SALT_BYTES = 16;
const VERSION = 1;

/** The file is none of ours, was altered, or the passphrase is wrong: which, cannot be told. */
export class PassphraseError extends Error {
  override readonly name = "PassphraseError";
}

/**
 * A key made of a passphrase. Making it takes a good part of a second; an owner that writes its file often keeps it.
 *
 * Files: `[version, kind, log₂ N, salt, nonce, AES-256-GCM ciphertext]` in CBOR, the first four authenticated.
 */
export class PassphraseKey {
  readonly #crypto: CryptoBackend;
  readonly #passphrase: string;
  readonly #salt: Uint8Array;
  readonly #logCost: number;
  readonly #key: Uint8Array;

  private constructor(crypto: CryptoBackend, passphrase: string, salt: Uint8Array, logCost: number, key: Uint8Array) {
    this.#crypto = crypto;
    this.#passphrase = passphrase;
    this.#salt = salt;
    this.#logCost = logCost;
    this.#key = key;
  }

  /** @param logCost log₂ of scrypt's N, for tests and small machines. */
  static async create(
    crypto: CryptoBackend,
    random: RandomBytes,
    passphrase: string,
    logCost: number = LOG_COST,
  ): Promise<PassphraseKey> {
    const salt = random(SALT_BYTES);
    return new PassphraseKey(crypto, passphrase, salt, logCost, await deriveKey(crypto, passphrase, salt, logCost));
  }

  /** Opens a file, and gives the key to write it again. @throws PassphraseError. */
  static async open(
    crypto: CryptoBackend,
    kind: string,
    passphrase: string,
    bytes: Uint8Array,
  ): Promise<{ readonly key: PassphraseKey; readonly plaintext: Uint8Array }> {
    const { logCost, salt } = parseFile(kind, bytes);
    const derived = await deriveKey(crypto, passphrase, salt, logCost);
    const key = new PassphraseKey(crypto, passphrase, salt, logCost, derived);
    return { key, plaintext: key.open(kind, bytes) };
  }

  /** Whether it is made of this passphrase, at this cost if one is given. */
  isOf(passphrase: string, logCost: number = this.#logCost): boolean {
    return passphrase === this.#passphrase && logCost === this.#logCost;
  }

  /** @param kind what the file holds; it opens as nothing else. */
  seal(random: RandomBytes, kind: string, plaintext: Uint8Array): Uint8Array {
    const nonce = random(NONCE_BYTES);
    const header = encodeCbor([VERSION, kind, this.#logCost, this.#salt]);
    const ciphertext = sealed(this.#crypto.aead(ALGORITHM.A256GCM, this.#key), nonce, header, plaintext);
    return encodeCbor([VERSION, kind, this.#logCost, this.#salt, nonce, ciphertext]);
  }

  /** @throws PassphraseError. */
  open(kind: string, bytes: Uint8Array): Uint8Array {
    const { logCost, salt, nonce, sealed } = parseFile(kind, bytes);
    const header = encodeCbor([VERSION, kind, logCost, salt]);
    const plaintext = this.#crypto.aead(ALGORITHM.A256GCM, this.#key).open(nonce, header, sealed);
    if (plaintext === undefined) throw new PassphraseError("wrong passphrase, or the file was altered");
    return plaintext;
  }
}

/** The kind of a file that was sealed by passphrase. @throws CoseError when it is none. */
export function fileKind(bytes: Uint8Array): string {
  return rethrowing(() => {
    const [version, kind] = asArray(decodeCbor(bytes), 6);
    if (version !== VERSION) throw new CoseError("a file of another version");
    return asText(kind);
  });
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
async function deriveKey(
  crypto: CryptoBackend,
  passphrase: string,
  salt: Uint8Array,
  logCost: number,
): Promise<Uint8Array> {
  return crypto.scrypt(encodeUtf8(passphrase.normalize("NFKC")), salt, logCost);
}
