/** Up to so many bytes a loop is faster than `set`, which is a call out of compiled code. */
const LOOP_BYTES = 64;

/**
 * A view on `bytes` from `start` to before `end`: a plain Uint8Array also where `bytes` is a Buffer, whose `slice` would
 * share memory where an application expects a copy. Cheaper than `subarray`, which looks for the class to make first.
 */
export function viewBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** Writes `source` at `offset` of `bytes`, which has room for it; returns where it ends. */
export function copyBytes(bytes: Uint8Array, offset: number, source: Uint8Array): number {
  const length = source.length;
  if (length > LOOP_BYTES) bytes.set(source, offset);
  else for (let i = 0; i < length; i++) bytes[offset + i] = source[i] as number; // Within its length.
  return offset + length;
}
