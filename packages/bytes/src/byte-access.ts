/**
 * The byte at `offset`.
 *
 * For hot loops whose bounds are already checked: it compiles to one load.
 */
export function byteAt(bytes: Uint8Array, offset: number): number {
  // The caller has checked `offset < bytes.length`; reading past the end would give undefined.
  return bytes[offset] as number;
}

/** The unsigned 16-bit big-endian integer at `offset`; the caller has checked that both bytes are there. */
export function readUint16(bytes: Uint8Array, offset: number): number {
  return (byteAt(bytes, offset) << 8) | byteAt(bytes, offset + 1);
}

/** The unsigned 32-bit big-endian integer at `offset`; the caller has checked that all four bytes are there. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return ((readUint16(bytes, offset) << 16) | readUint16(bytes, offset + 2)) >>> 0;
}

/** Writes the low 16 bits of `value`, big-endian, at `offset`. */
export function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

/** Whether both arrays hold the same bytes. Not in constant time: never for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** One array with the bytes of all `parts`, in order. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
