import type { Duplex } from "node:stream";
import type { FrameLink, LinkFrame } from "../links/frame-link.js";
import { encodeSlip, SlipDecoder } from "../links/slip.js";
import { parseSnifferLine } from "../links/sniffer-line.js";
import { MAX_FRAME_LENGTH } from "../wire/mac/frame.js";

/** What is spoken over a serial line. */
export type SerialProtocol =
  /** Frames with their check sequences in SLIP, both ways. */
  | "slip"
  /** Nordic's 802.15.4 sniffer: a line of text for each frame, and the channel to listen to. It only listens. */
  | "nordic-sniffer";

export interface SerialLinkOptions {
  /** Default `slip`. */
  readonly protocol?: SerialProtocol;
  /** The channel that a sniffer is told to listen to. Default 26. */
  readonly channel?: number;
}

const MAX_LINE_LENGTH = 1024;

/** Frames over a serial line: `stream` is an open port, as of the package `serialport`, or anything like one. */
export class SerialLink implements FrameLink {
  onFrame: ((frame: LinkFrame) => void) | undefined;
  /** Called once when the line is gone, with the reason if there is one. */
  onEnd: ((error: Error | undefined) => void) | undefined;
  readonly #stream: Duplex;
  readonly #protocol: SerialProtocol;
  readonly #slip = new SlipDecoder(MAX_FRAME_LENGTH);
  #line = "";
  #closed: Promise<void> | undefined;

  constructor(stream: Duplex, options: SerialLinkOptions = {}) {
    this.#stream = stream;
    this.#protocol = options.protocol ?? "slip";
    let failure: Error | undefined;
    stream.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    stream.on("error", (error) => (failure = error));
    stream.once("close", () => this.onEnd?.(failure));
    if (this.#protocol === "nordic-sniffer") stream.write(`sleep\nchannel ${options.channel ?? 26}\nreceive\n`);
  }

  /** @throws RangeError over a line to a sniffer, which cannot send. */
  send(psdu: Uint8Array): void {
    if (this.#protocol !== "slip") throw new RangeError("a sniffer only listens");
    this.#stream.write(encodeSlip(psdu));
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      if (this.#stream.destroyed) resolve();
      else {
        this.#stream.once("close", () => resolve());
        this.#stream.destroy();
      }
    });
    return this.#closed;
  }

  #receive(chunk: Uint8Array): void {
    if (this.#protocol === "slip") {
      for (const psdu of this.#slip.push(chunk)) this.onFrame?.({ psdu, rssDbm: undefined, lqi: undefined, channel: undefined }); // prettier-ignore
      return;
    }
    const lines = (this.#line + Buffer.from(chunk).toString("latin1")).split(/\r?\n/);
    this.#line = (lines.pop() ?? "").slice(-MAX_LINE_LENGTH);
    for (const line of lines) {
      const frame = parseSnifferLine(line);
      if (frame !== undefined) this.onFrame?.(frame);
    }
  }
}
