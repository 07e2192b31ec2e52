import { byteAt, readUint16 } from "@isthmus/bytes";
import { formatAddress } from "../wire/ip/address.js";
import { type ExtensionHeader, walkExtensions } from "../wire/ip/extension-chain.js";
import { decodeIcmpv6, type Icmpv6Message } from "../wire/ip/icmpv6.js";
import { decodeIpv6, IPV6_HEADER_LENGTH, NEXT_HEADER } from "../wire/ip/ipv6.js";
import { findRplOption, readRplOption } from "../wire/ip/rpl-hop-by-hop.js";
import { decodeSourceRouting } from "../wire/ip/source-routing-header.js";
import { decodeUdp, UDP_HEADER_LENGTH, type UdpDatagram } from "../wire/ip/udp.js";
import { WireError } from "../wire/wire-error.js";
import { describeFields } from "./describe-fields.js";
import { formatOctets, type Layer, LayerBuilder } from "./layer.js";
import { protocolName } from "./protocol-name.js";

/** An IPv6 packet in words. */
export interface DissectedPacket {
  readonly layers: readonly Layer[];
  readonly udp: UdpDatagram | undefined;
  readonly icmpv6: Icmpv6Message | undefined;
  /** Octets of IPv6, extension and UDP headers: what header compression is about. */
  readonly headerLength: number;
}

/** Takes an IPv6 packet apart, as deep as it can be understood. @throws WireError when not even IPv6 can. */
export function dissectPacket(packet: Uint8Array): DissectedPacket {
  const layers = [dissectIpv6(packet)];
  const { extensions, protocol, upperAt } = walkExtensions(packet);
  for (const extension of extensions) layers.push(dissectExtension(packet, extension));
  if (protocol === NEXT_HEADER.udp) {
    const udp = decodeUdp(packet, upperAt, packet.length);
    layers.push(dissectUdp(packet, upperAt, udp));
    return { layers, udp, icmpv6: undefined, headerLength: upperAt + UDP_HEADER_LENGTH };
  }
  if (protocol === NEXT_HEADER.icmpv6) {
    const icmpv6 = decodeIcmpv6(packet, upperAt, packet.length);
    layers.push(describeFields("ICMPv6", icmpv6, upperAt, packet.length));
    return { layers, udp: undefined, icmpv6, headerLength: upperAt };
  }
  if (upperAt < packet.length) {
    const payload = packet.subarray(upperAt);
    layers.push(new LayerBuilder(protocolName(protocol), upperAt).take(payload.length, "octets", formatOctets(payload)).build()); // prettier-ignore
  }
  return { layers, udp: undefined, icmpv6: undefined, headerLength: upperAt };
}

function dissectIpv6(packet: Uint8Array): Layer {
  const header = decodeIpv6(packet);
  return new LayerBuilder("IPv6", 0)
    .note(0, 1, "version", "6")
    .note(0, 2, "traffic class", String(header.trafficClass))
    .note(1, 4, "flow label", String(header.flowLabel))
    .note(4, 6, "payload length", String(header.payloadLength))
    .note(6, 7, "next header", protocolName(header.nextHeader))
    .note(7, 8, "hop limit", String(header.hopLimit))
    .note(8, 24, "source", formatAddress(header.source))
    .note(24, 40, "destination", formatAddress(header.destination))
    .build(IPV6_HEADER_LENGTH);
}

function dissectExtension(packet: Uint8Array, { protocol, at, end }: ExtensionHeader): Layer {
  const name = `IPv6 ${protocolName(protocol)}`;
  const next = protocolName(byteAt(packet, at));
  const layer = new LayerBuilder(name, at).take(1, "next header", next);
  const rplAt = protocol === NEXT_HEADER.hopByHop ? findRplOption(packet) : undefined;
  if (rplAt !== undefined) {
    const rpl = readRplOption(packet, rplAt);
    const { isDown, instanceId, senderRank, hasRankError, hasForwardingError } = rpl;
    layer.note(at + 2, end, "RPL", `${isDown ? "down" : "up"} in instance ${instanceId}, sender's rank ${senderRank}`);
    if (hasRankError) layer.note(at + 2, end, "RPL", "rank error");
    if (hasForwardingError) layer.note(at + 2, end, "RPL", "forwarding error");
  } else if (protocol === NEXT_HEADER.routing) {
    noteSourceRoute(layer, packet, at, end);
  } else {
    layer.note(at + 1, end, "content", formatOctets(packet.subarray(at + 1, end)));
  }
  return layer.build(end);
}

function noteSourceRoute(layer: LayerBuilder, packet: Uint8Array, at: number, end: number): void {
  try {
    const { segmentsLeft, addresses } = decodeSourceRouting(packet, at, end, packet.subarray(24, 40));
    layer.note(at + 3, at + 4, "segments left", String(segmentsLeft));
    for (const address of addresses) layer.note(at + 8, end, "by way of", formatAddress(address));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    layer.note(at + 1, end, "content", `${formatOctets(packet.subarray(at + 1, end))} (${error.message})`);
  }
}

function dissectUdp(packet: Uint8Array, at: number, { sourcePort, destinationPort, payload }: UdpDatagram): Layer {
  return new LayerBuilder("UDP", at)
    .take(2, "source port", String(sourcePort))
    .take(2, "destination port", String(destinationPort))
    .take(2, "length", `${readUint16(packet, at + 4)}: ${payload.length} octets of payload`)
    .take(
      2,
      "checksum",
      `0x${readUint16(packet, at + 6)
        .toString(16)
        .padStart(4, "0")}, right`,
    )
    .build();
}
