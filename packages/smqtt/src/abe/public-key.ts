import { concatBytes, encodeUtf8 } from "@isthmus/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import type { FixedBase, PairingGroup } from "../pairing/pairing-group.js";

/**
 * mpk = e(g1, g2)^α, ready for use.
 *
 * Only this value is published: g1^α or g2^α in anyone's hands would open everything.
 */
export interface PublicKey<T> {
  /** The element of GT, 576 bytes. */
  readonly bytes: Uint8Array;
  /** SHA-256 over the scheme's name and the element: what ciphertexts and keys name it by. */
  readonly id: Uint8Array;
  /** mpk^s. */
  readonly power: FixedBase<T>;
}

/** Length of {@link PublicKey.id}. */
export const PUBLIC_KEY_ID_BYTES = 32;

/** @throws InvalidElementError when `bytes` are no element of GT of order r. */
export function parsePublicKey<T>(
  group: PairingGroup<unknown, unknown, T>,
  scheme: string,
  bytes: Uint8Array,
): PublicKey<T> {
  return { bytes, id: publicKeyId(scheme, bytes), power: group.fixedBaseGT(group.gtFromBytes(bytes)) };
}

export function publicKeyId(scheme: string, bytes: Uint8Array): Uint8Array {
  return sha256(concatBytes([encodeUtf8(`ISTHMUS-SMQTT-V01-MPK ${scheme} `), bytes]));
}
