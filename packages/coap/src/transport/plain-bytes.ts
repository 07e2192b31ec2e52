/**
 * The bytes of a Buffer as what they are said to be: payloads reach applications as views on them, and `slice` of a
 * Buffer would share memory where that of a Uint8Array copies.
 */
export function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
