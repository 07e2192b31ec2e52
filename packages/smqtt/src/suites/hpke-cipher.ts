import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";

/** Length of `enc` of DHKEM(X25519) (RFC 9180 7.1). */
export const ENCAPSULATED_BYTES = 32;

const cipher = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

/** A single-shot HPKE message in base mode (RFC 9180 6.1): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. */
export interface HpkeMessage {
  readonly enc: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** @param publicKey X25519, 32 bytes. @param info bound to the message. */
export async function hpkeSeal(publicKey: Uint8Array, info: Uint8Array, plaintext: Uint8Array): Promise<HpkeMessage> {
  const recipientPublicKey = await cipher.kem.importKey("raw", buffer(publicKey), true);
  const { enc, ct } = await cipher.seal({ recipientPublicKey, info: buffer(info) }, buffer(plaintext));
  return { enc: new Uint8Array(enc), ciphertext: new Uint8Array(ct) };
}

/** @throws Error when the message is not for this key and info, or was altered. */
export async function hpkeOpen(
  secretKey: Uint8Array,
  info: Uint8Array,
  { enc, ciphertext }: HpkeMessage,
): Promise<Uint8Array> {
  const recipientKey = await cipher.kem.importKey("raw", buffer(secretKey), false);
  const parameters = { recipientKey, enc: buffer(enc), info: buffer(info) };
  return new Uint8Array(await cipher.open(parameters, buffer(ciphertext)));
}

/** WebCrypto takes buffers of its own: a view on a pooled or shared one is copied. */
function buffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
