import { type Instant, type Machine, NEVER } from "@isthmus/machine";
import {
  acknowledgement,
  decodeFrame,
  encodeFrame,
  MAX_FRAME_LENGTH,
  type MacFrame,
  macFrame,
  macHeaderLength,
} from "../wire/mac/frame.js";
import { FCS_LENGTH } from "../wire/mac/fcs.js";
import { isBroadcast, type LinkAddress, linkAddressKey } from "../wire/mac/link-address.js";
import { micLength } from "../wire/mac/security-header.js";
import { WireError } from "../wire/wire-error.js";
import { CsmaCa } from "./csma-ca.js";
import { DuplicateFilter } from "./duplicate-filter.js";
import { isFrameForUs } from "./frame-filter.js";
import type { MacCounters, MacEvent, MacOptions, MacRequest, SendStatus } from "./mac-service.js";
import { interframeSpacingMs, PHY, SYMBOL_MS } from "./phy.js";

type State =
  | { readonly name: "idle" }
  | { readonly name: "spacing"; readonly until: Instant }
  | { readonly name: "backoff"; readonly assessAt: Instant }
  | { readonly name: "turnaround"; readonly sendAt: Instant }
  | { readonly name: "transmitting"; readonly until: Instant }
  | { readonly name: "awaiting-ack"; readonly until: Instant };

interface Outgoing {
  readonly request: MacRequest;
  readonly psdu: Uint8Array;
  readonly sequenceNumber: number;
  readonly wantsAck: boolean;
  attempts: number;
}

const IDLE: State = { name: "idle" };

/**
 * The MAC sublayer of a PAN without beacons (IEEE 802.15.4-2015 6): unslotted CSMA-CA, acknowledgements, retries,
 * duplicates, security. Everything that is received goes in, everything that is to be told comes out as events.
 */
export class Mac implements Machine {
  readonly counters: MacCounters = {
    framesSent: 0,
    framesReceived: 0,
    acksSent: 0,
    acksReceived: 0,
    retries: 0,
    noAcks: 0,
    channelAccessFailures: 0,
    duplicates: 0,
    invalid: 0,
  };
  shortAddress: LinkAddress | undefined;
  readonly #options: MacOptions;
  readonly #csma: CsmaCa;
  readonly #duplicates = new DuplicateFilter();
  readonly #queue: Outgoing[] = [];
  #state: State = IDLE;
  #dueAck: { readonly at: Instant; readonly psdu: Uint8Array } | undefined;
  #isAckingUntil: Instant = 0;
  #events: MacEvent[] = [];
  #sequenceNumber: number;

  constructor(options: MacOptions) {
    this.#options = options;
    this.shortAddress = options.shortAddress;
    this.#csma = new CsmaCa(options.random, options);
    // 2015 8.4.3.1: macDsn begins at random.
    this.#sequenceNumber = options.random.nextUint32() & 0xff;
  }

  /** The addresses that this node's frames come from: the short one once there is one. */
  get sourceAddress(): LinkAddress {
    return this.shortAddress ?? this.#options.address;
  }

  get extendedAddress(): LinkAddress {
    return this.#options.address;
  }

  /** Frames that wait or are on their way. */
  get queueLength(): number {
    return this.#queue.length;
  }

  /** Octets of payload that a frame to `destination` can carry. */
  maxPayload(destination: LinkAddress): number {
    const header = this.#options.security?.header;
    const frame = this.#frameTo(destination, new Uint8Array(0));
    const mic = header === undefined ? 0 : micLength(header.level);
    return MAX_FRAME_LENGTH - FCS_LENGTH - macHeaderLength({ ...frame, security: header }) - mic;
  }

  /** Queues a frame; a `sent` event with the request's handle tells how it went. @throws RangeError when it is too long. */
  send(now: Instant, request: MacRequest): void {
    if (this.#queue.length >= (this.#options.maxQueueLength ?? DEFAULT_MAX_QUEUE_LENGTH)) {
      const { handle, sequenceNumber } = request;
      this.#events.push({ type: "sent", handle, status: "refused", attempts: 0, sequenceNumber });
      return;
    }
    const sequenceNumber = request.sequenceNumber ?? this.#nextSequenceNumber();
    const clear = { ...this.#frameTo(request.destination, request.payload), sequenceNumber };
    const frame = this.#options.security?.seal(clear) ?? clear;
    const wantsAck = frame.isAckRequested;
    this.#queue.push({ request, psdu: encodeFrame(frame), sequenceNumber, wantsAck, attempts: 0 });
    if (this.#state === IDLE) this.#beginNext(now);
  }

  /** Takes a frame from the radio, just as its last symbol has come in. */
  receive(now: Instant, psdu: Uint8Array, rssDbm?: number): void {
    let frame: MacFrame;
    try {
      frame = decodeFrame(psdu, { fcs: this.#options.fcs ?? "checked" });
    } catch (error) {
      this.#countInvalid(error);
      return;
    }
    if (frame.type === "acknowledgement") {
      this.#handleAck(now, frame);
      return;
    }
    if (!isFrameForUs(frame, this.#options.panId, this.#options.address, this.shortAddress)) return;
    const isBroadcastFrame = frame.destination === undefined || isBroadcast(frame.destination);
    if (frame.isAckRequested && !isBroadcastFrame) this.#scheduleAck(now, frame);
    this.#deliver(now, frame, rssDbm);
  }

  /** Removes and returns what has happened, in order. */
  takeEvents(): MacEvent[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }

  nextDeadline(): Instant {
    return Math.min(this.#dueAck?.at ?? NEVER, deadlineOf(this.#state));
  }

  handleTimeout(now: Instant): void {
    // An acknowledgement does not wait for the channel: its time was left free for it (2015 6.7.4.2).
    if (this.#dueAck !== undefined && this.#dueAck.at <= now) this.#sendAck(now);
    if (deadlineOf(this.#state) > now) return;
    switch (this.#state.name) {
      case "idle":
        return;
      case "spacing":
        this.#beginNext(now);
        return;
      case "backoff":
        this.#assess(now);
        return;
      case "turnaround":
        this.#transmit(now);
        return;
      case "transmitting":
        this.#handleTransmitted(now);
        return;
      case "awaiting-ack":
        this.#handleNoAck(now);
    }
  }

  #frameTo(destination: LinkAddress, payload: Uint8Array): MacFrame {
    return macFrame({
      type: "data",
      isAckRequested: !isBroadcast(destination),
      sequenceNumber: this.#sequenceNumber,
      destinationPanId: this.#options.panId,
      destination,
      source: this.sourceAddress,
      payload,
    });
  }

  #nextSequenceNumber(): number {
    this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xff;
    return this.#sequenceNumber;
  }

  #beginNext(now: Instant): void {
    if (this.#queue.length === 0) {
      this.#state = IDLE;
      return;
    }
    this.#state =
      this.#options.usesCsma === false
        ? { name: "turnaround", sendAt: now }
        : { name: "backoff", assessAt: this.#csma.begin(now) };
  }

  #assess(now: Instant): void {
    if (!this.#isAcking(now) && this.#options.radio.isChannelClear(now)) {
      this.#state = { name: "turnaround", sendAt: now + TURNAROUND_MS };
    } else {
      this.#handleBusy(now);
    }
  }

  #isAcking(now: Instant): boolean {
    return this.#dueAck !== undefined || this.#isAckingUntil > now;
  }

  #handleBusy(now: Instant): void {
    const assessAt = this.#csma.handleBusy(now);
    if (assessAt !== undefined) {
      this.#state = { name: "backoff", assessAt };
      return;
    }
    this.counters.channelAccessFailures++;
    this.#finish(now, "channel-access-failure");
  }

  #transmit(now: Instant): void {
    const [outgoing] = this.#queue;
    if (outgoing === undefined) return;
    if (this.#isAcking(now)) {
      this.#handleBusy(now);
      return;
    }
    outgoing.attempts++;
    this.counters.framesSent++;
    if (outgoing.attempts > 1) this.counters.retries++;
    this.#state = { name: "transmitting", until: now + this.#options.radio.transmit(now, outgoing.psdu) };
  }

  #handleTransmitted(now: Instant): void {
    if (this.#queue[0]?.wantsAck === true) {
      this.#state = { name: "awaiting-ack", until: now + (this.#options.ackWaitMs ?? ACK_WAIT_MS) };
    } else {
      this.#finish(now, "success");
    }
  }

  #handleAck(now: Instant, frame: MacFrame): void {
    const [outgoing] = this.#queue;
    // On a link without air time the acknowledgement may come before the machine is told that its frame has left.
    const isExpected = this.#state.name === "awaiting-ack" || this.#state.name === "transmitting";
    if (!isExpected || outgoing?.wantsAck !== true || frame.sequenceNumber !== outgoing.sequenceNumber) return;
    this.counters.acksReceived++;
    this.#finish(now, "success");
  }

  #handleNoAck(now: Instant): void {
    const [outgoing] = this.#queue;
    if (outgoing !== undefined && outgoing.attempts <= (this.#options.maxRetries ?? DEFAULT_MAX_RETRIES)) {
      this.#beginNext(now);
      return;
    }
    this.counters.noAcks++;
    this.#finish(now, "no-ack");
  }

  #finish(now: Instant, status: SendStatus): void {
    const outgoing = this.#queue.shift();
    if (outgoing === undefined) return;
    const { request, attempts, psdu, sequenceNumber } = outgoing;
    this.#events.push({ type: "sent", handle: request.handle, status, attempts, sequenceNumber });
    this.#state = { name: "spacing", until: now + (attempts === 0 ? 0 : interframeSpacingMs(psdu.length)) };
  }

  #scheduleAck(now: Instant, frame: MacFrame): void {
    const ack =
      frame.version === 2
        ? // 2015 6.7.4.2: a frame of the 2015 version is answered with an enhanced acknowledgement.
          macFrame({
            type: "acknowledgement",
            version: 2,
            sequenceNumber: frame.sequenceNumber,
            destinationPanId: frame.source === undefined ? undefined : this.#options.panId,
            destination: frame.source,
          })
        : acknowledgement(frame.sequenceNumber ?? 0);
    this.#dueAck = { at: now + TURNAROUND_MS, psdu: encodeFrame(ack) };
  }

  #sendAck(now: Instant): void {
    const ack = this.#dueAck;
    this.#dueAck = undefined;
    if (ack === undefined || this.#state.name === "transmitting") return;
    this.counters.acksSent++;
    this.#isAckingUntil = now + this.#options.radio.transmit(now, ack.psdu);
  }

  #deliver(now: Instant, frame: MacFrame, rssDbm: number | undefined): void {
    if (frame.source !== undefined && frame.sequenceNumber !== undefined) {
      if (this.#duplicates.isDuplicate(now, linkAddressKey(frame.source), frame.sequenceNumber)) {
        this.counters.duplicates++;
        return;
      }
    }
    try {
      const opened = this.#open(frame);
      this.counters.framesReceived++;
      this.#events.push({ type: "received", frame: opened, rssDbm });
    } catch (error) {
      this.#countInvalid(error);
    }
  }

  #open(frame: MacFrame): MacFrame {
    if (this.#options.security !== undefined) return this.#options.security.open(frame);
    if (frame.security !== undefined) throw new WireError("no-key");
    return frame;
  }

  #countInvalid(error: unknown): void {
    if (!(error instanceof WireError)) throw error;
    this.counters.invalid++;
  }
}

const DEFAULT_MAX_RETRIES = 3;
const DEFAULT_MAX_QUEUE_LENGTH = 32;
const TURNAROUND_MS = PHY.turnaround * SYMBOL_MS;
const ACK_WAIT_MS = PHY.ackWait * SYMBOL_MS;

function deadlineOf(state: State): Instant {
  switch (state.name) {
    case "idle":
      return NEVER;
    case "spacing":
    case "transmitting":
    case "awaiting-ack":
      return state.until;
    case "backoff":
      return state.assessAt;
    case "turnaround":
      return state.sendAt;
  }
}
