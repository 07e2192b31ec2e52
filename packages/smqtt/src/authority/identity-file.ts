import { concatBytes } from "@isthmus/bytes";
import type { CryptoBackend } from "../envelope/crypto-backend.js";
import type { RandomBytes } from "../random.js";
import type { Identity } from "./identity.js";
import { openWithPassphrase, PassphraseError, sealWithPassphrase } from "./passphrase.js";

const FILE_KIND = "smqtt-identity";

/** A device's private keys, encrypted. @param logCost log₂ of scrypt's N; default 17. */
export async function exportIdentity(
  { signingSecret, exchangeSecret }: Identity,
  passphrase: string,
  crypto: CryptoBackend,
  random: RandomBytes,
  logCost?: number,
): Promise<Uint8Array> {
  const plaintext = concatBytes([signingSecret, exchangeSecret]);
  return sealWithPassphrase(crypto, random, FILE_KIND, passphrase, plaintext, logCost);
}

/** @throws PassphraseError when the passphrase is wrong or the file was altered. */
export async function importIdentity(bytes: Uint8Array, passphrase: string, crypto: CryptoBackend): Promise<Identity> {
  const plaintext = await openWithPassphrase(crypto, FILE_KIND, passphrase, bytes);
  if (plaintext.length !== 64) throw new PassphraseError("not an identity");
  return { signingSecret: plaintext.slice(0, 32), exchangeSecret: plaintext.slice(32) };
}
