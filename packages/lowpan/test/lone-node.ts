import { SeededRandom } from "@isthmus/machine";
import { LowpanNode, type LowpanNodeOptions, type NodeEvent } from "../src/stack/index.js";
import {
  acknowledgement,
  broadcastAddress,
  ContextTable,
  decodeDatagram,
  decodeFrame,
  decodeIcmpv6,
  decodeIpv6,
  dispatchOf,
  encodeDatagram,
  encodeFrame,
  encodeIcmpv6Packet,
  type Icmpv6Message,
  interfaceIdentifiers,
  type Ipv6Header,
  isMulticast,
  type LinkAddress,
  macFrame,
  NEXT_HEADER,
  Reassembler,
  walkExtensions,
} from "../src/wire/index.js";
import { addressOf, PREFIX } from "./network.js";

/** A packet that the node sent, and the ICMPv6 message in it. */
export interface SentPacket {
  readonly packet: Uint8Array;
  readonly header: Ipv6Header;
  readonly link: LinkAddress;
  readonly icmp: Icmpv6Message | undefined;
}

/** One node alone, its neighbours played by the test: packets go in and come out, each frame is acknowledged. */
export class LoneNode {
  readonly machine: LowpanNode;
  readonly events: NodeEvent[] = [];
  readonly frames: Uint8Array[] = [];
  now = 0;
  readonly #contexts = new ContextTable();
  readonly #reassembler: Reassembler;
  #sent: SentPacket[] = [];
  #dueAck: number | undefined;
  #sequenceNumber = 0;

  constructor(options: Partial<LowpanNodeOptions> = {}) {
    // Of the context, others than the border router know only what they are told.
    if (options.role === undefined) this.#contexts.set({ id: 0, prefix: PREFIX, length: 64 });
    this.#reassembler = new Reassembler(this.#contexts);
    this.machine = new LowpanNode({
      radio: { isChannelClear: () => true, transmit: (_now, psdu) => this.#transmit(psdu) },
      random: new SeededRandom(1),
      address: addressOf(0),
      role: "border-router",
      ...(options.role === undefined ? { borderRouter: { prefix: PREFIX } } : {}),
      ...options,
    });
    this.machine.start(0);
    this.run(0);
  }

  /** Runs for so many milliseconds. */
  run(milliseconds: number): void {
    const until = this.now + milliseconds;
    for (let next = this.machine.nextDeadline(); next <= until; next = this.machine.nextDeadline()) {
      this.now = Math.max(this.now, next);
      this.machine.handleTimeout(this.now);
      this.#acknowledge();
    }
    this.now = until;
    this.events.push(...this.machine.takeEvents());
  }

  /** Delivers a packet from a neighbour. */
  receive(from: LinkAddress, packet: Uint8Array): void {
    const to = isMulticast(packet.subarray(24, 40)) ? broadcastAddress() : addressOf(0);
    const iids = interfaceIdentifiers(from, to);
    const payloads = encodeDatagram(packet, iids, this.#contexts, {
      maxPayload: 100,
      datagramTag: ++this.#sequenceNumber,
    });
    for (const payload of payloads) {
      const frame = macFrame({
        type: "data",
        sequenceNumber: ++this.#sequenceNumber & 0xff,
        destinationPanId: 0x23,
        destination: to,
        source: from,
        payload,
      });
      this.machine.receive(this.now, encodeFrame(frame), -50);
    }
    this.#acknowledge();
  }

  /** Delivers an ICMPv6 message from a neighbour, by default as neighbour discovery has it. */
  receiveIcmp(
    from: LinkAddress,
    source: Uint8Array,
    destination: Uint8Array,
    message: Icmpv6Message,
    hopLimit = 255,
  ): void {
    this.receive(from, encodeIcmpv6Packet({ source, destination, hopLimit }, message));
  }

  /** Removes and returns the packets that the node has sent. */
  takeSent(): SentPacket[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }

  #transmit(psdu: Uint8Array): number {
    const frame = decodeFrame(psdu);
    this.frames.push(psdu);
    const { source, destination, payload, type } = frame;
    if (type !== "data" || source === undefined || destination === undefined) return 0;
    if (frame.isAckRequested) this.#dueAck = frame.sequenceNumber;
    const packet = dispatchOf(payload[0] ?? 0).endsWith("fragment")
      ? this.#reassembler.receive(this.now, source, destination, payload, 0, payload.length)
      : decodeDatagram(payload, 0, payload.length, interfaceIdentifiers(source, destination), this.#contexts);
    if (packet === undefined) return 0;
    const { protocol, upperAt } = walkExtensions(packet);
    const icmp = protocol === NEXT_HEADER.icmpv6 ? decodeIcmpv6(packet, upperAt, packet.length) : undefined;
    this.#sent.push({ packet, header: decodeIpv6(packet), link: destination, icmp });
    return 0;
  }

  #acknowledge(): void {
    const sequenceNumber = this.#dueAck;
    this.#dueAck = undefined;
    if (sequenceNumber !== undefined) this.machine.receive(this.now, encodeFrame(acknowledgement(sequenceNumber)));
  }
}
