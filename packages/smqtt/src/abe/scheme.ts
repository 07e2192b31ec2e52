import type { PublicKey } from "./public-key.js";
import type { Coins } from "./scalars.js";

/**
 * An attribute-based encryption scheme as the KEM needs it: encryption that is deterministic in its coins.
 *
 * @typeParam Access what a ciphertext carries in the clear: a policy, or a set of attributes
 * @typeParam Key a parsed decryption key
 * @typeParam T element of GT
 */
export interface AbeScheme<Access, Key extends { readonly publicKeyId: Uint8Array }, T> {
  readonly name: string;
  /** mpk for the master key α. */
  publicKeyOf(masterKey: bigint): Uint8Array;
  parsePublicKey(bytes: Uint8Array): PublicKey<T>;
  parseKey(bytes: Uint8Array): Key;
  encodeAccess(access: Access): Uint8Array;
  /** Within the limits for ciphertexts. */
  parseAccess(bytes: Uint8Array): Access;
  /** How long a ciphertext for `access` is. */
  ciphertextBytes(access: Access): number;
  /** A ciphertext and the secret that it hides. */
  encrypt(publicKey: PublicKey<T>, access: Access, coins: Coins): Encryption;
  /** The secret of a ciphertext of the right length. @throws NotSatisfiedError, InvalidElementError. */
  decrypt(key: Key, access: Access, ciphertext: Uint8Array): Uint8Array;
}

/** What encryption gives. */
export interface Encryption {
  readonly ciphertext: Uint8Array;
  /** The secret that the ciphertext hides, an encoded element of GT; computed when asked for. */
  readonly shared: () => Uint8Array;
}

/** The key's attributes do not satisfy the policy. */
export class NotSatisfiedError extends Error {
  override readonly name = "NotSatisfiedError";

  constructor() {
    super("the key does not satisfy the policy");
  }
}
