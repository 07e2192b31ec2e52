import { byteAt } from "@isthmus/bytes";
import { type Instant, type Machine, NEVER, type RandomSource } from "@isthmus/machine";
import type { Mac } from "../medium/mac.js";
import type { MacEvent, SendStatus } from "../medium/mac-service.js";
import { BROADCAST_HEADER_LENGTH } from "../wire/adaptation/broadcast.js";
import type { ContextTable } from "../wire/adaptation/context-table.js";
import { decompressDatagram, encodeDatagram, MAX_UNFRAGMENTED_LENGTH } from "../wire/adaptation/datagram.js";
import { dispatchOf } from "../wire/adaptation/dispatch.js";
import { interfaceIdentifiers } from "../wire/adaptation/header-compression.js";
import { decodeMesh, meshHeaderLength } from "../wire/adaptation/mesh.js";
import { Reassembler, type ReassemblerOptions } from "../wire/adaptation/reassembler.js";
import type { MacFrame } from "../wire/mac/frame.js";
import { equalLinkAddresses, isBroadcast, type LinkAddress } from "../wire/mac/link-address.js";
import { requireBytes, WireError } from "../wire/wire-error.js";

/** Bounds of an {@link Adaptation}. */
export interface AdaptationOptions extends ReassemblerOptions {
  /** Packets that wait to be sent at most; one more is dropped. Default 16. */
  readonly maxQueueLength?: number;
  /**
   * Times that a frame is handed to the MAC again, after a pause, when the MAC has given it up: a fragment that is lost
   * for good takes its whole packet along. Default 3.
   */
  readonly maxFrameRetries?: number;
}

const DEFAULT_FRAME_RETRIES = 3;
/** The pause before a frame is tried again: up to this, and up to double for each time more. */
const RETRY_PAUSE_MS = 30;

export type AdaptationEvent =
  /** A packet has come, whole. `destination` is the frame's: broadcast or ours. */
  | {
      readonly type: "packet";
      readonly packet: Uint8Array;
      readonly source: LinkAddress;
      readonly destination: LinkAddress;
      readonly rssDbm: number | undefined;
    }
  /** A frame to a neighbour was sent, or was not: for link estimates. */
  | {
      readonly type: "frame-sent";
      readonly destination: LinkAddress;
      readonly status: SendStatus;
      readonly attempts: number;
    }
  /** A packet has left, or was given up with one of its frames. */
  | {
      readonly type: "packet-sent";
      readonly packet: Uint8Array;
      readonly destination: LinkAddress;
      readonly status: SendStatus;
    };

/** What became of packets and frames. */
export interface AdaptationCounters {
  packetsSent: number;
  packetsReceived: number;
  fragmentsSent: number;
  /** Frames handed to the MAC once more. */
  frameRetries: number;
  /** Packets dropped because too many waited, and because a frame of theirs was not acknowledged. */
  queueDrops: number;
  sendFailures: number;
  /** Frames whose 6LoWPAN headers were wrong, or not handled. */
  malformed: number;
  /** Frames of a mesh-under network on their way to someone else. */
  notForUs: number;
}

/** A packet on its way, its frames one after the other. */
interface Outgoing {
  readonly packet: Uint8Array;
  readonly destination: LinkAddress;
  payloads: readonly Uint8Array[] | undefined;
  /** Which of them is on its way. */
  index: number;
  /** Times that the MAC has given it up, and the sequence number that it had. */
  failures: number;
  sequenceNumber: number | undefined;
}

/** The adaptation layer: IPv6 packets on one side, frames on the other (RFC 4944, RFC 6282). */
export class Adaptation implements Machine {
  readonly counters: AdaptationCounters = {
    packetsSent: 0,
    packetsReceived: 0,
    fragmentsSent: 0,
    frameRetries: 0,
    queueDrops: 0,
    sendFailures: 0,
    malformed: 0,
    notForUs: 0,
  };
  readonly reassembler: Reassembler;
  readonly #mac: Mac;
  readonly #contexts: ContextTable;
  readonly #random: RandomSource;
  readonly #maxQueueLength: number;
  readonly #maxFrameRetries: number;
  readonly #queue: Outgoing[] = [];
  readonly #scratch = new Uint8Array(MAX_UNFRAGMENTED_LENGTH);
  #events: AdaptationEvent[] = [];
  #datagramTag: number;
  #handle = 0;
  #retryAt: Instant = NEVER;

  constructor(mac: Mac, contexts: ContextTable, random: RandomSource, options: AdaptationOptions = {}) {
    this.#mac = mac;
    this.#random = random;
    this.#maxFrameRetries = options.maxFrameRetries ?? DEFAULT_FRAME_RETRIES;
    // After a restart, fragments of before must not be taken for those of now.
    this.#datagramTag = random.nextUint32() & 0xffff;
    this.#contexts = contexts;
    this.#maxQueueLength = options.maxQueueLength ?? 16;
    this.reassembler = new Reassembler(contexts, options);
  }

  /** Packets that wait or are on their way. */
  get queueLength(): number {
    return this.#queue.length;
  }

  /** Queues a packet for a neighbour, or for all of them. */
  send(now: Instant, packet: Uint8Array, destination: LinkAddress): void {
    if (this.#queue.length >= this.#maxQueueLength) {
      this.counters.queueDrops++;
      this.#events.push({ type: "packet-sent", packet, destination, status: "refused" });
      return;
    }
    this.#queue.push({
      packet,
      destination,
      payloads: undefined,
      index: 0,
      failures: 0,
      sequenceNumber: undefined,
    });
    if (this.#queue.length === 1) this.#sendFrame(now);
  }

  /** Takes what the MAC has to tell. */
  handleMacEvent(now: Instant, event: MacEvent): void {
    if (event.type === "sent") this.#handleSent(now, event);
    else this.#handleFrame(now, event.frame, event.rssDbm);
  }

  takeEvents(): AdaptationEvent[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }

  nextDeadline(): Instant {
    return Math.min(this.#retryAt, this.reassembler.nextDeadline());
  }

  handleTimeout(now: Instant): void {
    this.reassembler.handleTimeout(now);
    if (this.#retryAt > now) return;
    this.#retryAt = NEVER;
    this.#sendFrame(now);
  }

  #sendFrame(now: Instant): void {
    const [outgoing] = this.#queue;
    if (outgoing === undefined) return;
    const { destination, sequenceNumber } = outgoing;
    outgoing.payloads ??= this.#encode(outgoing);
    const payload = outgoing.payloads[outgoing.index];
    if (payload === undefined) return;
    if (outgoing.payloads.length > 1 && outgoing.failures === 0) this.counters.fragmentsSent++;
    const handle = ++this.#handle;
    this.#mac.send(now, { destination, payload, handle, ...(sequenceNumber === undefined ? {} : { sequenceNumber }) });
  }

  #encode({ packet, destination }: Outgoing): readonly Uint8Array[] {
    const iids = interfaceIdentifiers(this.#mac.sourceAddress, destination);
    const payloads = encodeDatagram(packet, iids, this.#contexts, {
      maxPayload: this.#mac.maxPayload(destination),
      datagramTag: this.#datagramTag,
    });
    if (payloads.length > 1) this.#datagramTag = (this.#datagramTag + 1) & 0xffff;
    return payloads;
  }

  #handleSent(now: Instant, event: MacEvent & { readonly type: "sent" }): void {
    const [outgoing] = this.#queue;
    if (outgoing === undefined || event.handle !== this.#handle) return;
    const { destination } = outgoing;
    const { status, attempts, sequenceNumber } = event;
    this.#events.push({ type: "frame-sent", destination, status, attempts });
    if (status === "success") {
      outgoing.index++;
      outgoing.failures = 0;
      outgoing.sequenceNumber = undefined;
      if (outgoing.index === outgoing.payloads?.length) this.#finish(status);
      this.#sendFrame(now);
    } else if (outgoing.failures < this.#maxFrameRetries && !isBroadcast(destination)) {
      outgoing.failures++;
      outgoing.sequenceNumber = sequenceNumber;
      this.counters.frameRetries++;
      const fraction = this.#random.nextUint32() / 0x1_0000_0000;
      this.#retryAt = now + fraction * RETRY_PAUSE_MS * 2 ** outgoing.failures;
    } else {
      // Without one fragment the others are of no use.
      this.#finish(status);
      this.#sendFrame(now);
    }
  }

  #finish(status: SendStatus): void {
    const outgoing = this.#queue.shift();
    if (outgoing === undefined) return;
    const { packet, destination } = outgoing;
    if (status === "success") this.counters.packetsSent++;
    else this.counters.sendFailures++;
    this.#events.push({ type: "packet-sent", packet, destination, status });
  }

  #handleFrame(now: Instant, frame: MacFrame, rssDbm: number | undefined): void {
    const { source, destination, payload } = frame;
    if (frame.type !== "data" || source === undefined || destination === undefined) return;
    try {
      const packet = this.#decode(now, source, destination, payload);
      if (packet === undefined) return;
      this.counters.packetsReceived++;
      this.#events.push({ type: "packet", destination, rssDbm, ...packet });
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.counters.malformed++;
    }
  }

  #decode(
    now: Instant,
    frameSource: LinkAddress,
    frameDestination: LinkAddress,
    payload: Uint8Array,
  ): { packet: Uint8Array; source: LinkAddress } | undefined {
    const end = payload.length;
    let at = 0;
    let source = frameSource;
    let destination = frameDestination;
    requireBytes(at, 1, end, "the dispatch");
    if (dispatchOf(byteAt(payload, at)) === "mesh") {
      const mesh = decodeMesh(payload, at, end);
      if (!this.#isOurs(mesh.finalDestination)) {
        this.counters.notForUs++;
        return undefined;
      }
      source = mesh.originator;
      destination = mesh.finalDestination;
      at += meshHeaderLength(payload, at, end);
      requireBytes(at, 1, end, "the dispatch");
      if (dispatchOf(byteAt(payload, at)) === "broadcast") at += BROADCAST_HEADER_LENGTH;
      requireBytes(at, 1, end, "the dispatch");
    }
    const dispatch = dispatchOf(byteAt(payload, at));
    if (dispatch === "first-fragment" || dispatch === "subsequent-fragment") {
      const packet = this.reassembler.receive(now, source, destination, payload, at, end);
      return packet === undefined ? undefined : { packet, source };
    }
    const iids = interfaceIdentifiers(source, destination);
    const length = decompressDatagram(payload, at, end, iids, this.#contexts, this.#scratch);
    return { packet: this.#scratch.slice(0, length), source };
  }

  #isOurs(address: LinkAddress): boolean {
    const { extendedAddress, shortAddress } = this.#mac;
    return (
      isBroadcast(address) || equalLinkAddresses(address, extendedAddress) || equalLinkAddresses(address, shortAddress)
    );
  }
}
