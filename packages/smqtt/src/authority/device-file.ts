import { asArray, asBytes, CborError, type CborValue, decodeCbor, encodeCbor } from "../envelope/cbor.js";
import type { CryptoBackend } from "../envelope/crypto-backend.js";
import type { RandomBytes } from "../random.js";
import type { Identity } from "./identity.js";
import { PassphraseError, PassphraseKey } from "./passphrase.js";

/** What a device keeps between runs: its own keys, and its membership or the request that awaits an answer. */
export interface DeviceFile {
  readonly identity: Identity;
  /** Ed25519 public key of the authority. */
  readonly authorityKey: Uint8Array;
  /** Of the request that awaits its answer. */
  readonly nonce?: Uint8Array;
  readonly membership?: {
    /** The authority's answer, as it came: sealed to the device. */
    readonly answer: Uint8Array;
    /** The latest bundle that the device heard of. */
    readonly bundle: Uint8Array;
  };
}

const FILE_KIND = "smqtt-device";
const VERSION = 1;

/** Encrypts what a device keeps. */
export function exportDevice(
  { identity, authorityKey, nonce, membership }: DeviceFile,
  key: PassphraseKey,
  random: RandomBytes,
): Uint8Array {
  const plaintext = encodeCbor([
    VERSION,
    identity.signingSecret,
    identity.exchangeSecret,
    authorityKey,
    nonce ?? null,
    membership === undefined ? null : ([membership.answer, membership.bundle] satisfies CborValue),
  ]);
  return key.seal(random, FILE_KIND, plaintext);
}

/**
 * What a device has kept, and the key to write it again.
 *
 * @throws PassphraseError when the passphrase is wrong, or the file was altered or is none of these.
 */
export async function importDevice(
  bytes: Uint8Array,
  passphrase: string,
  crypto: CryptoBackend,
): Promise<{ readonly device: DeviceFile; readonly key: PassphraseKey }> {
  const { key, plaintext } = await PassphraseKey.open(crypto, FILE_KIND, passphrase, bytes);
  try {
    return { device: decodeDeviceFile(plaintext), key };
  } catch (cause) {
    if (!(cause instanceof CborError)) throw cause;
    throw new PassphraseError("a device file of another version", { cause });
  }
}

function decodeDeviceFile(plaintext: Uint8Array): DeviceFile {
  const [version, signingSecret, exchangeSecret, authorityKey, nonce, membership] = asArray(decodeCbor(plaintext), 6);
  if (version !== VERSION) throw new CborError("another version");
  const [answer, bundle] = membership === null ? [] : asArray(membership, 2);
  return {
    identity: { signingSecret: asBytes(signingSecret, 32), exchangeSecret: asBytes(exchangeSecret, 32) },
    authorityKey: asBytes(authorityKey, 32),
    ...(nonce !== null && { nonce: asBytes(nonce) }),
    ...(answer !== undefined && { membership: { answer: asBytes(answer), bundle: asBytes(bundle) } }),
  };
}
