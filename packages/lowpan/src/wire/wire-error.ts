/** What can be wrong with bytes from the air: a code for programs and counters, a sentence for people. */
export const WIRE_ERRORS = {
  truncated: "the bytes end before the header does",
  fcs: "the frame check sequence does not match",
  "frame-length": "the frame does not fit its medium",
  "frame-type": "the frame type is reserved or not handled",
  "frame-version": "the frame version is reserved",
  addressing: "the addressing fields contradict each other",
  security: "the security header is reserved or contradicts itself",
  authentication: "the message integrity code does not match",
  "no-key": "no key, or no extended address of the sender, is known for the frame",
  replay: "the frame counter is not above the last one",
  "information-element": "an information element does not fit its place",
  command: "the MAC command is malformed",
  dispatch: "the 6LoWPAN dispatch is reserved or not handled",
  reserved: "a field has a reserved value",
  context: "the context identifier names no known context",
  "header-length": "a header's length field contradicts the header",
  "datagram-size": "a datagram is larger or smaller than it may be",
  fragment: "a fragment does not fit its datagram",
  version: "the IP version is not 6",
  checksum: "a checksum does not match",
  option: "an option's length contradicts the option",
  capture: "the capture file is malformed",
} as const;

/** A code of {@link WIRE_ERRORS}. */
export type WireErrorCode = keyof typeof WIRE_ERRORS;

/** Bytes from the air, a capture or a peer break their format. Nothing was taken from them. */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly code: WireErrorCode;

  /** @param detail the value that is wrong, as a sentence; the code's own sentence when left out. */
  constructor(code: WireErrorCode, detail?: string) {
    super(detail ?? WIRE_ERRORS[code]);
    this.code = code;
  }
}

/** Throws `truncated` when fewer than `needed` bytes lie between `at` and `end`. */
export function requireBytes(at: number, needed: number, end: number, what: string): void {
  if (needed > end - at) throw new WireError("truncated", `${what} needs ${needed} octets, ${end - at} left`);
}

/** Throws `datagram-size` when `out` has no room for `length` octets at `at`: writes past the end would be lost. */
export function requireRoom(out: Uint8Array, at: number, length: number): void {
  if (at + length > out.length) throw new WireError("datagram-size", `headers of more than ${out.length} octets`);
}
