import { WireError } from "../wire/wire-error.js";
import type { CcmStar } from "../wire/mac/ccm-star.js";
import type { MacFrame } from "../wire/mac/frame.js";
import { FrameCounterTable, MAX_FRAME_COUNTER } from "../wire/mac/frame-counters.js";
import { openFrame, sealFrame } from "../wire/mac/frame-security.js";
import type { LinkAddress } from "../wire/mac/link-address.js";
import { micLength, type SecurityHeader, type SecurityLevel } from "../wire/mac/security-header.js";

/** How a node secures its frames, and what it takes from others. */
export interface MacSecurityOptions {
  /** `nodeCcmStar` of `@isthmus/lowpan/ccm-star-node`, or another platform's. */
  readonly ccmStar: CcmStar;
  /** This node's extended address: part of each nonce. */
  readonly address: LinkAddress;
  /** Of what is sent, and the least MIC of what is taken. */
  readonly level: Exclude<SecurityLevel, 0>;
  /** The network's key of 16 octets. */
  readonly key: Uint8Array;
  /** Which key it is, 1 to 255. Default 1. */
  readonly keyIndex?: number;
  /**
   * The first counter to use. A node that keeps its key over restarts must keep its counter too: a counter used
   * twice gives the plaintext away. Default 0.
   */
  readonly frameCounter?: number;
  /** The extended address of a sender that gives a short one. Default: unknown, its frames are refused. */
  readonly extendedAddressOf?: (shortAddress: LinkAddress) => LinkAddress | undefined;
  /** Senders whose counters are remembered at most. Default 1024. */
  readonly maxDevices?: number;
}

/** One key for the whole PAN: seals what is sent, opens what is received, refuses replays. */
export class MacSecurity {
  readonly #options: MacSecurityOptions;
  readonly #counters: FrameCounterTable;
  #frameCounter: number;

  constructor(options: MacSecurityOptions) {
    this.#options = options;
    this.#frameCounter = options.frameCounter ?? 0;
    this.#counters = new FrameCounterTable(options.maxDevices === undefined ? {} : { maxDevices: options.maxDevices });
  }

  /** The counter of the next frame: what to keep over a restart. */
  get frameCounter(): number {
    return this.#frameCounter;
  }

  /** The header that the next frame will have; its counter is counted up by {@link seal}. */
  get header(): SecurityHeader {
    return {
      level: this.#options.level,
      frameCounter: this.#frameCounter,
      isAsnInNonce: false,
      keySource: undefined,
      keyIndex: this.#options.keyIndex ?? 1,
    };
  }

  /** `frame`, secured. @throws RangeError when the counter is used up: the network needs a new key. */
  seal(frame: MacFrame): MacFrame {
    const security = this.header;
    if (this.#frameCounter >= MAX_FRAME_COUNTER) throw new RangeError("the frame counter is used up");
    this.#frameCounter++;
    return sealFrame({ ...frame, security }, this.#options.address, this.#options.key, this.#options.ccmStar);
  }

  /**
   * The frame that `frame` was before it was secured.
   *
   * @throws WireError `security` when it is less protected than this node's own, `no-key`, `replay`, `authentication`.
   */
  open(frame: MacFrame): MacFrame {
    const { level, key, ccmStar } = this.#options;
    const header = frame.security;
    if (header?.frameCounter === undefined) throw new WireError("security", "an unsecured frame in a secured PAN");
    if (micLength(header.level) < micLength(level) || (level >= 4 && header.level < 4)) {
      throw new WireError("security", `level ${header.level} where ${level} is required`);
    }
    if (header.keyIndex !== (this.#options.keyIndex ?? 1) || header.keySource !== undefined) {
      throw new WireError("no-key", `no key ${header.keyIndex}`);
    }
    const sender = this.#extendedAddressOf(frame.source);
    this.#counters.check(sender, header.frameCounter);
    const opened = openFrame(frame, sender, key, ccmStar);
    this.#counters.accept(sender, header.frameCounter);
    return opened;
  }

  #extendedAddressOf(source: LinkAddress | undefined): LinkAddress {
    if (source?.length === 8) return source;
    const extended = source === undefined ? undefined : this.#options.extendedAddressOf?.(source);
    if (extended === undefined) throw new WireError("no-key", "the sender's extended address is not known");
    return extended;
  }
}
