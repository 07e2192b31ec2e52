/** A source of `length` bytes that nobody can foresee. Injected, so that tests can fix it. */
export type RandomBytes = (length: number) => Uint8Array;

/** The platform's cryptographic generator, the same name in Node and browsers. */
export const secureRandomBytes: RandomBytes = (length) => {
  const bytes = new Uint8Array(length);
  // One call gives at most 64 KiB (W3C Web Cryptography 10.1.1).
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
};
