import { byteAt } from "@isthmus/bytes";

/**
 * An entity-tag of 8 bytes made of what a representation holds: the same for the same bytes and format, on each server
 * and after each restart.
 *
 * Two FNV-1a hashes of 32 bits with different bases: quick for small bodies and good enough to tell states of one
 * resource apart, which is all that an entity-tag does. It is no defence against somebody who looks for collisions.
 */
export function contentEtag(contentFormat: number | undefined, payload: Uint8Array): Uint8Array {
  const seed = contentFormat ?? 0xffff;
  let a = Math.imul(0x811c9dc5 ^ seed, FNV_PRIME);
  let b = Math.imul(0x050c5d1f ^ payload.length, FNV_PRIME);
  for (let i = 0; i < payload.length; i++) {
    const byte = byteAt(payload, i);
    a = Math.imul(a ^ byte, FNV_PRIME);
    // Another mixing order, so that the halves do not collide together.
    b = Math.imul(b, FNV_PRIME) ^ (byte + (b >>> 15));
  }
  const etag = new Uint8Array(8);
  new DataView(etag.buffer).setUint32(0, a >>> 0);
  new DataView(etag.buffer).setUint32(4, b >>> 0);
  return etag;
}

const FNV_PRIME = 0x01000193;
