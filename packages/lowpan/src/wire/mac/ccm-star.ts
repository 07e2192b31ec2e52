import type { SecurityLevel } from "./security-header.js";
import type { LinkAddress } from "./link-address.js";

/** Octets of the key, of the nonce. */
export const KEY_LENGTH = 16;
export const NONCE_LENGTH = 13;

/**
 * AES-CCM* (IEEE 802.15.4-2015 annex B), brought by the platform: this package's `./ccm-star-node` has Node's.
 *
 * CCM* is CCM with 128-bit blocks and a 2-octet length field that also allows a MIC of no octets.
 */
export interface CcmStar {
  /** The ciphertext of `plaintext`, as long as it, followed by the MIC over `authenticated` and `plaintext`. */
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    authenticated: Uint8Array,
    plaintext: Uint8Array,
    micLength: number,
  ): Uint8Array;
  /** The plaintext of what {@link seal} returned; undefined when the MIC does not match. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    authenticated: Uint8Array,
    sealed: Uint8Array,
    micLength: number,
  ): Uint8Array | undefined;
}

/**
 * The nonce of a frame with a frame counter (2015 9.3.3.1), most significant octet first:
 *
 * ```text
 * +---------------------------+------------------+-------------------+
 * | Extended source address 8 | Frame counter: 4 | Security level: 1 |
 * +---------------------------+------------------+-------------------+
 * ```
 */
export function counterNonce(source: LinkAddress, frameCounter: number, level: SecurityLevel): Uint8Array {
  const nonce = new Uint8Array(NONCE_LENGTH);
  nonce.set(source);
  for (let i = 0; i < 4; i++) nonce[8 + i] = frameCounter >>> (24 - 8 * i);
  nonce[12] = level;
  return nonce;
}

/** The nonce of a frame in a slotted network (2015 9.3.3.2): the source and the 5-octet absolute slot number. */
export function slotNonce(source: LinkAddress, absoluteSlotNumber: number): Uint8Array {
  const nonce = new Uint8Array(NONCE_LENGTH);
  nonce.set(source);
  // 40 bits do not fit JavaScript's bit operations: the upper 8 by division.
  nonce[8] = Math.floor(absoluteSlotNumber / 0x1_0000_0000);
  for (let i = 0; i < 4; i++) nonce[9 + i] = absoluteSlotNumber >>> (24 - 8 * i);
  return nonce;
}
