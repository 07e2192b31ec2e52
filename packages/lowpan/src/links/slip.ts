/**
 * Frames on a serial line (RFC 1055): END after each, and escapes for the two octets that mean something.
 *
 * ```text
 *   0xc0 END   0xdb ESC   in a frame: 0xdb 0xdc for 0xc0, 0xdb 0xdd for 0xdb
 * ```
 */
const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;

/** A frame as it goes over the line, with END before it too: what noise has left before is ended by that. */
export function encodeSlip(frame: Uint8Array): Uint8Array {
  const out = [END];
  for (const octet of frame) {
    if (octet === END) out.push(ESC, ESC_END);
    else if (octet === ESC) out.push(ESC, ESC_ESC);
    else out.push(octet);
  }
  out.push(END);
  return Uint8Array.from(out);
}

/** Cuts what comes over a serial line into frames. */
export class SlipDecoder {
  readonly #maxFrameLength: number;
  #frame: number[] = [];
  #isEscaped = false;
  /** The frame is too long or malformed: the rest of it is passed over. */
  #isBroken = false;
  /** Frames that were too long, or had an escape that means nothing. */
  brokenCount = 0;

  /** @param maxFrameLength octets; longer frames are dropped. */
  constructor(maxFrameLength: number) {
    this.#maxFrameLength = maxFrameLength;
  }

  /** The frames that `chunk` completes; empty ones are none. */
  push(chunk: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const octet of chunk) {
      if (octet !== END) {
        this.#take(octet);
        continue;
      }
      if (this.#isBroken || this.#isEscaped) this.brokenCount++;
      else if (this.#frame.length > 0) frames.push(Uint8Array.from(this.#frame));
      this.#frame = [];
      this.#isEscaped = this.#isBroken = false;
    }
    return frames;
  }

  #take(octet: number): void {
    if (this.#isBroken) return;
    if (this.#isEscaped) {
      this.#isEscaped = false;
      if (octet === ESC_END) this.#frame.push(END);
      else if (octet === ESC_ESC) this.#frame.push(ESC);
      else this.#isBroken = true;
    } else if (octet === ESC) {
      this.#isEscaped = true;
    } else {
      this.#frame.push(octet);
    }
    if (this.#frame.length > this.#maxFrameLength) this.#isBroken = true;
  }
}
