import { WireError } from "../wire-error.js";
import { type LinkAddress, linkAddressKey } from "./link-address.js";

/** The counter value that ends a key's life (IEEE 802.15.4-2015 9.2.4 f). */
export const MAX_FRAME_COUNTER = 0xffff_ffff;

const DEFAULT_MAX_DEVICES = 1024;

/** The last frame counter of each sender: a frame whose counter is not above it is a replay (2015 9.2.5). */
export class FrameCounterTable {
  readonly #lastBySender = new Map<string, number>();
  readonly #maxDevices: number;

  /** @param options `maxDevices`: senders remembered at most, 1024 by default; further ones are refused. */
  constructor(options: { readonly maxDevices?: number } = {}) {
    this.#maxDevices = options.maxDevices ?? DEFAULT_MAX_DEVICES;
  }

  /**
   * Throws WireError `replay` for a counter that is not above the sender's last one, or when no room is left for a
   * new sender: forgetting one would let its old frames in again. To be called before the MIC is checked.
   */
  check(sender: LinkAddress, counter: number): void {
    const last = this.#lastBySender.get(linkAddressKey(sender));
    if (counter === MAX_FRAME_COUNTER) throw new WireError("replay", "the sender's frame counter is used up");
    if (last !== undefined && counter <= last) throw new WireError("replay", `counter ${counter} after ${last}`);
    if (last === undefined && this.#lastBySender.size >= this.#maxDevices) {
      throw new WireError("replay", `no room for a sender beyond ${this.#maxDevices}`);
    }
  }

  /** Remembers the counter of a frame whose MIC was right. */
  accept(sender: LinkAddress, counter: number): void {
    this.#lastBySender.set(linkAddressKey(sender), counter);
  }
}
