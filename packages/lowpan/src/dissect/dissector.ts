import type { Instant } from "@isthmus/machine";
import { type Context, ContextTable } from "../wire/adaptation/context-table.js";
import { decompressFirst, MAX_UNFRAGMENTED_LENGTH } from "../wire/adaptation/datagram.js";
import { decodeDatagram } from "../wire/adaptation/datagram.js";
import { decodeFragment, type FragmentHeader } from "../wire/adaptation/fragment.js";
import { interfaceIdentifiers } from "../wire/adaptation/header-compression.js";
import { Reassembler } from "../wire/adaptation/reassembler.js";
import type { CcmStar } from "../wire/mac/ccm-star.js";
import { openFrame } from "../wire/mac/frame-security.js";
import type { MacFrame } from "../wire/mac/frame.js";
import { broadcastAddress, isShort, type LinkAddress } from "../wire/mac/link-address.js";
import { WireError } from "../wire/wire-error.js";
import { dissectHeaders, type HeaderChain } from "./dissect-adaptation.js";
import { dissectMac } from "./dissect-mac.js";
import { type DissectedPacket, dissectPacket } from "./dissect-packet.js";
import type { Layer } from "./layer.js";

/** What a {@link Dissector} knows beforehand, and how much it remembers. */
export interface DissectorOptions {
  /** Contexts of header compression. More are learned from router advertisements. */
  readonly contexts?: readonly Pick<Context, "id" | "prefix" | "length">[];
  /** The key of the network, 16 octets, and what opens frames with it. */
  readonly security?: { readonly key: Uint8Array; readonly ccmStar: CcmStar } | undefined;
}

/** A frame in words, as far as it can be understood. */
export interface Dissection {
  /** Of the frame, with places in the PSDU. */
  readonly layers: readonly Layer[];
  /** The IPv6 packet that the frame carries, or completes. */
  readonly packet: DissectedPacket | undefined;
  readonly packetBytes: Uint8Array | undefined;
  /** What header compression has made of the packet's headers, in octets. */
  readonly compression: { readonly before: number; readonly after: number } | undefined;
  /** The fragment that the frame carries. */
  readonly fragment: FragmentHeader | undefined;
  /** Why there is no more. */
  readonly problem: string | undefined;
}

/** Takes frames apart in the order in which they came: contexts are learned on the way, fragments put together. */
export class Dissector {
  readonly contexts = new ContextTable();
  readonly #reassembler = new Reassembler(this.contexts);
  readonly #security: DissectorOptions["security"];

  constructor(options: DissectorOptions = {}) {
    for (const context of options.contexts ?? []) this.contexts.set(context);
    this.#security = options.security;
  }

  /**
   * The frame in `psdu`. It does not throw for anything that is wrong with the frame: that is said in `problem`.
   *
   * @param now milliseconds, for the time that fragments wait.
   */
  dissect(now: Instant, psdu: Uint8Array, hasFcs: boolean): Dissection {
    this.#reassembler.handleTimeout(now);
    const progress: Progress = { layers: [] };
    try {
      this.#dissect(now, psdu, hasFcs, progress);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      progress.problem = error.message;
    }
    const { layers, packet, packetBytes, compression, fragment, problem } = progress;
    return { layers, packet, packetBytes, compression, fragment, problem };
  }

  #dissect(now: Instant, psdu: Uint8Array, hasFcs: boolean, progress: Progress): void {
    const { frame, header, fcs, payloadAt } = dissectMac(psdu, hasFcs);
    progress.layers.push(...header, ...fcs);
    if (frame.type !== "data" || frame.payload.length === 0) return;
    const opened = this.#open(frame);
    // Encryption changes no lengths: each octet stands where it stood on the air.
    const chain = dissectHeaders(opened.payload, payloadAt);
    progress.layers.splice(header.length, 0, ...chain.layers);
    this.#follow(now, opened, chain, progress);
  }

  /** Decompresses what is there, or puts it to the fragments that came before. */
  #follow(now: Instant, frame: MacFrame, chain: HeaderChain, progress: Progress): void {
    const source = chain.mesh?.originator ?? frame.source ?? broadcastAddress();
    const destination = chain.mesh?.finalDestination ?? frame.destination ?? broadcastAddress();
    const { payload } = frame;
    if (chain.fragmentAt !== undefined) {
      progress.fragment = decodeFragment(payload, chain.fragmentAt, payload.length);
      if (chain.headersAt !== undefined) progress.compression = this.#measure(payload, chain.headersAt, source, destination, progress.fragment); // prettier-ignore
      const at = chain.fragmentAt;
      progress.packetBytes = this.#reassembler.receive(now, source, destination, payload, at, payload.length);
    } else if (chain.headersAt !== undefined) {
      const iids = interfaceIdentifiers(source, destination);
      progress.compression = this.#measure(payload, chain.headersAt, source, destination, undefined);
      progress.packetBytes = decodeDatagram(payload, chain.headersAt, payload.length, iids, this.contexts);
    }
    if (progress.packetBytes === undefined) return;
    progress.packet = dissectPacket(progress.packetBytes);
    this.#learn(progress.packet);
  }

  #measure(
    payload: Uint8Array,
    at: number,
    source: LinkAddress,
    destination: LinkAddress,
    fragment: FragmentHeader | undefined,
  ): { before: number; after: number } {
    const scratch = new Uint8Array(MAX_UNFRAGMENTED_LENGTH);
    const iids = interfaceIdentifiers(source, destination);
    const size = fragment?.datagramSize;
    const { end, length } = decompressFirst(payload, at, payload.length, iids, this.contexts, scratch, size);
    return { before: length, after: end - at };
  }

  #open(frame: MacFrame): MacFrame {
    const { security, source } = frame;
    if (security === undefined || security.level === 0) return frame;
    if (this.#security === undefined) throw new WireError("no-key", "the payload is secured, and no key was given");
    if (source === undefined || isShort(source)) {
      throw new WireError("no-key", "the sender's extended address is not in the frame, and the nonce needs it");
    }
    return openFrame(frame, source, this.#security.key, this.#security.ccmStar);
  }

  /** Router advertisements tell the contexts that later frames are compressed with (RFC 6775 4.2). */
  #learn({ icmpv6 }: DissectedPacket): void {
    if (icmpv6?.type !== "router-advertisement") return;
    for (const option of icmpv6.options) {
      if (option.type !== "context") continue;
      const { contextId: id, prefix, prefixLength: length, lifetimeMinutes } = option;
      if (lifetimeMinutes > 0) this.contexts.set({ id, prefix, length });
      else this.contexts.delete(id);
    }
  }
}

/** What was found so far. */
interface Progress {
  readonly layers: Layer[];
  packet?: DissectedPacket;
  packetBytes?: Uint8Array | undefined;
  compression?: { before: number; after: number };
  fragment?: FragmentHeader;
  problem?: string;
}
