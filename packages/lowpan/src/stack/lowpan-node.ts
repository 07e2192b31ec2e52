import { byteAt } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import { Mac } from "../medium/mac.js";
import type { MacCounters } from "../medium/mac-service.js";
import type { NodeMachine } from "../medium/simulation.js";
import { ContextTable } from "../wire/adaptation/context-table.js";
import {
  addressKey,
  type Ipv6Address,
  isLinkLocal,
  isLinkScoped,
  isMulticast,
  linkLocalAddress,
  parseAddress,
  solicitedNodeAddress,
} from "../wire/ip/address.js";
import { walkExtensions } from "../wire/ip/extension-chain.js";
import {
  decodeIcmpv6,
  encodeIcmpv6Packet,
  type ErrorMessage,
  type Icmpv6Message,
  UNREACHABLE_CODE,
} from "../wire/ip/icmpv6.js";
import { decodeIpv6, type Ipv6Header, IPV6_MINIMUM_MTU, NEXT_HEADER } from "../wire/ip/ipv6.js";
import { insertRplOption, removeRplOption } from "../wire/ip/rpl-hop-by-hop.js";
import { decodeUdp, encodeUdpPacket } from "../wire/ip/udp.js";
import type { LinkAddress } from "../wire/mac/link-address.js";
import { WireError } from "../wire/wire-error.js";
import { Adaptation, type AdaptationCounters, type AdaptationEvent } from "./adaptation.js";
import { ControlPlane } from "./control-plane.js";
import { IcmpErrors } from "./icmp-errors.js";
import { LinkMetrics } from "./link-metrics.js";
import type { Ipv6Counters, LowpanNodeOptions, NodeEvent, UdpSend } from "./node-types.js";
import { findNextHop } from "./routing.js";

const DEFAULT_PAN = 0x23;
const DEFAULT_HOP_LIMIT = 64;
const UNKNOWN_RSS_DBM = -70;

/** What a node has done, by layer. */
export interface NodeCounters {
  readonly mac: MacCounters;
  readonly adaptation: AdaptationCounters;
  readonly ipv6: Ipv6Counters;
}

/**
 * A whole 6LoWPAN node, from the radio up to UDP sockets: a machine without I/O. Frames and time go in, frames go to
 * its radio, and what concerns the application comes out of {@link takeEvents}.
 */
export class LowpanNode implements NodeMachine {
  readonly contexts = new ContextTable();
  readonly mac: Mac;
  readonly #options: LowpanNodeOptions;
  readonly #adaptation: Adaptation;
  readonly #control: ControlPlane;
  readonly #metrics = new LinkMetrics();
  readonly #errors = new IcmpErrors();
  readonly #ports = new Set<number>();
  readonly #groups = new Set<string>();
  readonly #ipv6Counters: Ipv6Counters = {
    delivered: 0,
    forwarded: 0,
    malformed: 0,
    hopLimitExceeded: 0,
    noRoute: 0,
    loops: 0,
    unhandled: 0,
  };
  #events: NodeEvent[] = [];

  constructor(options: LowpanNodeOptions) {
    this.#options = options;
    this.mac = new Mac({ ...options, panId: options.panId ?? DEFAULT_PAN });
    this.#adaptation = new Adaptation(this.mac, this.contexts, options.random, options.adaptation);
    this.#control = new ControlPlane(options, this.contexts, this.#metrics, {
      send: (now, source, destination, hopLimit, message) =>
        this.#sendPacket(now, encodeIcmpv6Packet({ source, destination, hopLimit }, message)),
      emit: (event) => this.#handleControlEvent(event),
    });
    this.join(parseAddress("ff02::1"));
    if (options.role !== "host") this.join(parseAddress("ff02::2"));
    if (this.#control.rpl !== undefined) this.join(parseAddress("ff02::1a"));
    this.join(solicitedNodeAddress(this.linkLocal));
  }

  get linkLocal(): Ipv6Address {
    return this.#control.linkLocal;
  }

  /** The global addresses that may be used. */
  get addresses(): readonly Ipv6Address[] {
    return this.#control.addresses;
  }

  /** The way up: the preferred parent of a router, the default router of a host. */
  get parent(): Ipv6Address | undefined {
    return this.#control.rpl?.parent ?? this.#control.tables.host?.defaultRouter;
  }

  /** Our rank in RPL, if we have one. */
  get rank(): number | undefined {
    return this.#control.rpl?.rank;
  }

  /** Routes down that we know, each over the link-local address of a neighbour. */
  get routes(): readonly { readonly target: Ipv6Address; readonly nextHop: Ipv6Address }[] {
    return [...(this.#control.rpl?.downward.routes.entries() ?? [])];
  }

  /** Datagrams that are being put together: bounded, and zero again when the network rests. */
  get reassemblies(): number {
    return this.#adaptation.reassembler.size;
  }

  get counters(): NodeCounters {
    return { mac: this.mac.counters, adaptation: this.#adaptation.counters, ipv6: this.#ipv6Counters };
  }

  /** Begins to look for the network, or as a border router to be it. */
  start(now: Instant): void {
    this.#control.start(now);
    this.#pump(now);
  }

  /** Has datagrams to this port delivered as events. */
  bind(port: number): void {
    this.#ports.add(port);
  }

  unbind(port: number): void {
    this.#ports.delete(port);
  }

  /** Has packets to a multicast group delivered. */
  join(group: Ipv6Address): void {
    this.#groups.add(addressKey(group));
  }

  /** Sends a datagram. @throws RangeError when it does not fit the MTU of 1,280 octets. */
  sendUdp(now: Instant, send: UdpSend): void {
    const { destination, sourcePort, destinationPort, payload, hopLimit = DEFAULT_HOP_LIMIT } = send;
    const source = send.source ?? this.#sourceFor(destination);
    const packet = encodeUdpPacket({ source, destination, hopLimit }, { sourcePort, destinationPort, payload });
    if (packet.length > IPV6_MINIMUM_MTU) throw new RangeError(`a packet of ${packet.length} octets`);
    this.#sendPacket(now, packet);
    this.#pump(now);
  }

  /** Sends an echo request; its reply comes as an event. */
  sendEcho(now: Instant, destination: Ipv6Address, identifier: number, sequenceNumber: number, data: Uint8Array): void {
    const source = this.#sourceFor(destination);
    const message = { type: "echo-request", identifier, sequenceNumber, data } as const;
    this.#sendPacket(now, encodeIcmpv6Packet({ source, destination, hopLimit: DEFAULT_HOP_LIMIT }, message));
    this.#pump(now);
  }

  /** Sends a packet as it is: on a border router, one that came from outside. @throws WireError when it is malformed. */
  sendPacket(now: Instant, packet: Uint8Array): void {
    const header = decodeIpv6(packet);
    if (this.#isForUs(header.destination)) this.#deliver(now, header, packet, this.#options.address, UNKNOWN_RSS_DBM);
    else this.#forward(now, packet.slice(0, 40 + header.payloadLength), undefined);
    this.#pump(now);
  }

  receive(now: Instant, psdu: Uint8Array, rssDbm?: number): void {
    this.mac.receive(now, psdu, rssDbm);
    this.#pump(now);
  }

  takeEvents(): NodeEvent[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }

  nextDeadline(): Instant {
    return Math.min(this.mac.nextDeadline(), this.#adaptation.nextDeadline(), this.#control.nextDeadline());
  }

  handleTimeout(now: Instant): void {
    if (this.mac.nextDeadline() <= now) this.mac.handleTimeout(now);
    if (this.#adaptation.nextDeadline() <= now) this.#adaptation.handleTimeout(now);
    if (this.#control.nextDeadline() <= now) this.#control.handleTimeout(now);
    this.#pump(now);
  }

  /** Carries events up the layers until there are none. */
  #pump(now: Instant): void {
    for (;;) {
      const macEvents = this.mac.takeEvents();
      for (const event of macEvents) this.#adaptation.handleMacEvent(now, event);
      const events = this.#adaptation.takeEvents();
      for (const event of events) this.#handleAdaptationEvent(now, event);
      if (macEvents.length === 0 && events.length === 0) return;
    }
  }

  #handleAdaptationEvent(now: Instant, event: AdaptationEvent): void {
    switch (event.type) {
      case "packet":
        this.#input(now, event.packet, event.source, event.rssDbm ?? UNKNOWN_RSS_DBM);
        return;
      case "frame-sent": {
        const isUnicastResult = event.destination.length === 8 || byteAt(event.destination, 0) !== 0xff;
        // What the channel did not let out says nothing about the neighbour.
        if (!isUnicastResult || event.status === "refused" || event.status === "channel-access-failure") return;
        const isAcknowledged = event.status === "success";
        this.#metrics.handleSent(event.destination, isAcknowledged, event.attempts);
        this.#control.handleFrameSent(now, event.destination, isAcknowledged);
        return;
      }
      case "packet-sent":
    }
  }

  /** Takes a packet of a neighbour. */
  #input(now: Instant, packet: Uint8Array, link: LinkAddress, rssDbm: number): void {
    try {
      const header = decodeIpv6(packet);
      if (isMulticast(header.source)) throw new WireError("reserved", "a multicast source");
      if (this.#isForUs(header.destination)) this.#deliver(now, header, packet, link, rssDbm);
      else if (this.#options.role !== "host" && !isLinkScoped(header.destination) && !isLinkLocal(header.source)) {
        this.#forward(now, packet, linkLocalAddress(link));
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#ipv6Counters.malformed++;
    }
  }

  #isForUs(destination: Ipv6Address): boolean {
    if (!isMulticast(destination)) return this.#control.isOwn(destination);
    return this.#groups.has(addressKey(destination));
  }

  #handleControlEvent(event: NodeEvent): void {
    if (event.type === "address" && event.isUsable) this.join(solicitedNodeAddress(event.address));
    this.#events.push(event);
  }

  #deliver(now: Instant, header: Ipv6Header, packet: Uint8Array, link: LinkAddress, rssDbm: number): void {
    const end = 40 + header.payloadLength;
    const { protocol, upperAt, extensions } = walkExtensions(packet);
    this.#ipv6Counters.delivered++;
    // Fragments of IPv6 itself are not put together: 6LoWPAN carries all that fits the MTU.
    const isFragment = extensions.some((extension) => extension.protocol === NEXT_HEADER.fragment);
    if (protocol === NEXT_HEADER.udp && !isFragment) {
      this.#deliverUdp(now, header, packet, upperAt, end);
    } else if (protocol === NEXT_HEADER.icmpv6 && !isFragment) {
      this.#deliverIcmp(now, header, decodeIcmpv6(packet, upperAt, end), link, rssDbm);
    } else if (protocol !== NEXT_HEADER.none) {
      this.#ipv6Counters.unhandled++;
      // RFC 8200 4: code 1 is an unrecognized next header.
      this.#sendError(now, packet, { type: "parameter-problem", code: 1, value: 6 });
    }
  }

  #deliverUdp(now: Instant, header: Ipv6Header, packet: Uint8Array, at: number, end: number): void {
    const { sourcePort, destinationPort, payload } = decodeUdp(packet, at, end);
    const { source, destination } = header;
    if (this.#ports.has(destinationPort)) {
      this.#events.push({ type: "datagram", source, sourcePort, destination, destinationPort, payload });
      return;
    }
    this.#ipv6Counters.unhandled++;
    this.#sendError(now, packet, { type: "destination-unreachable", code: UNREACHABLE_CODE.port });
  }

  #deliverIcmp(now: Instant, header: Ipv6Header, message: Icmpv6Message, link: LinkAddress, rssDbm: number): void {
    if (this.#control.handleMessage(now, header, message, link, rssDbm)) return;
    const { source, destination } = header;
    switch (message.type) {
      case "echo-request": {
        // RFC 4443 4.2: from the address that was asked, unless that was a group.
        const from = isMulticast(destination) ? this.#sourceFor(source) : destination;
        const fields = { source: from, destination: source, hopLimit: DEFAULT_HOP_LIMIT };
        this.#sendPacket(now, encodeIcmpv6Packet(fields, { ...message, type: "echo-reply" }));
        return;
      }
      case "echo-reply":
        this.#events.push({ ...message, type: "echo-reply", source });
        return;
      case "destination-unreachable":
      case "packet-too-big":
      case "time-exceeded":
      case "parameter-problem":
        this.#events.push({ type: "icmp-error", source, error: message });
        return;
      default:
        this.#ipv6Counters.unhandled++;
    }
  }

  /** Passes a packet on. @param from the link-local address that it came from; undefined when from outside. */
  #forward(now: Instant, packet: Uint8Array, from: Ipv6Address | undefined): void {
    const hopLimit = byteAt(packet, 7);
    if (hopLimit <= 1) {
      this.#ipv6Counters.hopLimitExceeded++;
      this.#sendError(now, packet, { type: "time-exceeded", code: 0 });
      return;
    }
    packet[7] = hopLimit - 1;
    if (packet.length > IPV6_MINIMUM_MTU + RPL_OPTION_LENGTH) {
      this.#sendError(now, packet, { type: "packet-too-big", code: 0, value: IPV6_MINIMUM_MTU });
      return;
    }
    this.#ipv6Counters.forwarded++;
    this.#transmit(now, packet, from);
  }

  /** Sends a packet of our own. */
  #sendPacket(now: Instant, packet: Uint8Array): void {
    const destination = packet.subarray(24, 40);
    if (this.#isForUs(destination) && !isMulticast(destination)) {
      // To ourselves: as if it had come from a neighbour.
      this.#input(now, packet, this.#options.address, UNKNOWN_RSS_DBM);
      return;
    }
    this.#transmit(now, this.#withRplOption(packet, destination), undefined);
  }

  /** RFC 6550 11.2: what RPL routes carries its option from the first router on. */
  #withRplOption(packet: Uint8Array, destination: Ipv6Address): Uint8Array {
    const { rpl } = this.#control;
    const instanceId = rpl?.instanceId;
    const isTooLong = packet.length + RPL_OPTION_LENGTH > IPV6_MINIMUM_MTU;
    if (rpl === undefined || instanceId === undefined || isLinkScoped(destination) || isTooLong) return packet;
    return insertRplOption(packet, {
      isDown: rpl.isRoot,
      hasRankError: false,
      hasForwardingError: false,
      instanceId,
      senderRank: rpl.rank,
    });
  }

  #transmit(now: Instant, packet: Uint8Array, from: Ipv6Address | undefined): void {
    const nextHop = findNextHop(now, this.#control.tables, packet, from);
    switch (nextHop.type) {
      case "link":
        this.#adaptation.send(now, packet, nextHop.link);
        return;
      case "outside":
        // The option means nothing beyond the 6LoWPAN.
        this.#events.push({ type: "outbound", packet: removeRplOption(packet) });
        return;
      case "loop":
        this.#ipv6Counters.loops++;
        return;
      case "no-route":
        this.#ipv6Counters.noRoute++;
        this.#sendError(now, packet, { type: "destination-unreachable", code: UNREACHABLE_CODE.noRoute });
    }
  }

  #sendError(
    now: Instant,
    packet: Uint8Array,
    error: { readonly type: ErrorMessage["type"]; readonly code: number; readonly value?: number },
  ): void {
    const message = this.#errors.about(now, packet, error);
    if (message === undefined) return;
    const destination = packet.slice(8, 24);
    // Our own mistakes are told to the application.
    if (this.#control.isOwn(destination)) {
      this.#events.push({ type: "icmp-error", source: destination, error: message });
      return;
    }
    const source = this.#sourceFor(destination);
    this.#sendPacket(now, encodeIcmpv6Packet({ source, destination, hopLimit: DEFAULT_HOP_LIMIT }, message));
  }

  #sourceFor(destination: Ipv6Address): Ipv6Address {
    return isLinkScoped(destination) ? this.linkLocal : (this.addresses[0] ?? this.linkLocal);
  }
}

/** The hop-by-hop header that RPL puts in. */
const RPL_OPTION_LENGTH = 8;
