import { byteAt, readUint16 } from "@isthmus/bytes";
import { requireBytes } from "../wire/wire-error.js";
import { isNextHeaderCompressed } from "../wire/adaptation/iphc.js";
import {
  isExtensionNhc,
  isNextNhcCompressed,
  NHC_IPV6,
  protocolOfExtension,
} from "../wire/adaptation/nhc-extension.js";
import { isChecksumElided, isUdpNhc } from "../wire/adaptation/nhc-udp.js";
import { formatOctets, type Layer, LayerBuilder } from "./layer.js";
import { protocolName } from "./protocol-name.js";

const TRAFFIC = [
  { length: 4, text: "ECN, DSCP and flow label in-line" },
  { length: 3, text: "ECN and flow label in-line, DSCP is 0" },
  { length: 1, text: "ECN and DSCP in-line, flow label is 0" },
  { length: 0, text: "left out: traffic class and flow label are 0" },
] as const;
const HOP_LIMITS = ["in-line", "1", "64", "255"] as const;
const UNICAST = [
  { length: 16, text: "in-line, 128 bits" },
  { length: 8, text: "in-line, 64 bits" },
  { length: 2, text: "in-line, 16 bits" },
  { length: 0, text: "left out: told by the link address" },
] as const;
const MULTICAST = [
  { length: 16, text: "in-line, 128 bits" },
  { length: 6, text: "in-line, 48 bits" },
  { length: 4, text: "in-line, 32 bits" },
  { length: 1, text: "in-line, 8 bits" },
] as const;

/** How an address is written. */
interface AddressView {
  readonly length: number;
  readonly text: string;
}

/**
 * The compressed headers from `at` on (RFC 6282), each a layer: how each field is said, not what it is.
 *
 * @throws WireError when they are cut short; whether they can be decompressed is not looked at.
 */
export function dissectIphc(bytes: Uint8Array, at: number, end: number): Layer[] {
  const layers: Layer[] = [];
  let isCompressed = true;
  let isIpv6 = true;
  while (isCompressed) {
    requireBytes(at, 1, end, "the next header");
    const octet = byteAt(bytes, at);
    if (isIpv6) {
      isCompressed = isNextHeaderCompressed(bytes, at);
      isIpv6 = false;
      layers.push(dissectIpv6(bytes, at, end));
    } else if (isUdpNhc(octet)) {
      isCompressed = false;
      layers.push(dissectUdp(bytes, at, end));
    } else if (octet === NHC_IPV6) {
      isIpv6 = true;
      layers.push(new LayerBuilder("NHC", at).take(1, "extension", "an IPv6 header within").build());
    } else if (isExtensionNhc(octet)) {
      isCompressed = isNextNhcCompressed(octet);
      layers.push(dissectExtension(bytes, at, end));
    } else {
      return layers;
    }
    at = layers.at(-1)?.end ?? end;
  }
  return layers;
}

function dissectIpv6(bytes: Uint8Array, at: number, end: number): Layer {
  requireBytes(at, 2, end, "IPHC");
  const [first, second] = [byteAt(bytes, at), byteAt(bytes, at + 1)];
  // Two bits index tables of four.
  const traffic = TRAFFIC[((first >>> 3) & 3) as 0 | 1 | 2 | 3];
  const isNextInline = (first & 4) === 0;
  const hopLimit = HOP_LIMITS[(first & 3) as 0 | 1 | 2 | 3];
  const hasContexts = (second & 0x80) !== 0;
  const source = sourceView(second >>> 4);
  const destination = destinationView(second);
  const layer = new LayerBuilder("IPHC (RFC 6282)", at)
    .note(at, at + 1, "dispatch", "011")
    .note(at, at + 1, "traffic class, flow label", traffic.text)
    .note(at, at + 1, "next header", isNextInline ? "in-line" : "compressed, follows")
    .note(at, at + 1, "hop limit", hopLimit)
    .note(at + 1, at + 2, "context identifiers", hasContexts ? "follow" : "both 0")
    .note(at + 1, at + 2, "source address", source.text)
    .note(at + 1, at + 2, "destination address", destination.text);
  const parts = [
    ["context identifiers", hasContexts ? 1 : 0],
    ["traffic class and flow label", traffic.length],
    ["next header", isNextInline ? 1 : 0],
    ["hop limit", hopLimit === "in-line" ? 1 : 0],
    ["source address", source.length],
    ["destination address", destination.length],
  ] as const;
  let next = at + 2;
  for (const [name, length] of parts) {
    if (length === 0) continue;
    requireBytes(next, length, end, name);
    const octets = bytes.subarray(next, next + length);
    const value = name === "next header" ? protocolName(byteAt(bytes, next)) : formatOctets(octets);
    layer.note(next, next + length, `${name} in-line`, value);
    next += length;
  }
  return layer.build(next);
}

function sourceView(bits: number): AddressView {
  const mode = (bits & 3) as 0 | 1 | 2 | 3;
  const isStateful = (bits & 4) !== 0;
  if (isStateful && mode === 0) return { length: 0, text: "left out: the unspecified address ::" };
  return unicastView(mode, isStateful);
}

function destinationView(bits: number): AddressView {
  const mode = (bits & 3) as 0 | 1 | 2 | 3;
  const isStateful = (bits & 4) !== 0;
  if ((bits & 8) === 0) return unicastView(mode, isStateful);
  if (isStateful) return { length: 6, text: "multicast on the context's prefix, 48 bits in-line" };
  return { length: MULTICAST[mode].length, text: `multicast, ${MULTICAST[mode].text}` };
}

function unicastView(mode: 0 | 1 | 2 | 3, isStateful: boolean): AddressView {
  const { length, text } = UNICAST[mode];
  if (mode === 0) return { length, text };
  return { length, text: `prefix ${isStateful ? "of the context" : "fe80::/64"}, interface identifier ${text}` };
}

function dissectUdp(bytes: Uint8Array, at: number, end: number): Layer {
  const octet = byteAt(bytes, at);
  const layer = new LayerBuilder("NHC of UDP (RFC 6282 4.3)", at);
  const views = [
    { source: 2, destination: 2, text: "both ports in full" },
    { source: 2, destination: 1, text: "destination port of 8 bits on 0xf000" },
    { source: 1, destination: 2, text: "source port of 8 bits on 0xf000" },
    { source: 0, destination: 0, text: "both ports of 4 bits on 0xf0b0" },
  ] as const;
  // Two bits index a table of four.
  const view = views[(octet & 3) as 0 | 1 | 2 | 3];
  const checksum = isChecksumElided(octet);
  layer.take(1, "UDP", `${view.text}, checksum ${checksum ? "left out" : "in-line"}, length always left out`);
  requireBytes(layer.at, Math.max(1, view.source + view.destination) + (checksum ? 0 : 2), end, "the UDP header");
  if (view.source === 0) {
    const ports = byteAt(bytes, layer.at);
    layer.take(1, "ports", `${0xf0b0 | (ports >>> 4)} to ${0xf0b0 | (ports & 0xf)}`);
  } else {
    for (const [name, length] of [
      ["source port", view.source],
      ["destination port", view.destination],
    ] as const) {
      const port = length === 2 ? readUint16(bytes, layer.at) : 0xf000 | byteAt(bytes, layer.at);
      layer.take(length, name, String(port));
    }
  }
  if (!checksum) layer.take(2, "checksum", `0x${readUint16(bytes, layer.at).toString(16).padStart(4, "0")}`);
  return layer.build();
}

function dissectExtension(bytes: Uint8Array, at: number, end: number): Layer {
  const octet = byteAt(bytes, at);
  const protocol = protocolOfExtension(octet);
  const isNextInline = !isNextNhcCompressed(octet);
  const layer = new LayerBuilder("NHC of an extension header (RFC 6282 4.2)", at);
  layer.take(
    1,
    "extension",
    `${protocolName(protocol)}, next header ${isNextInline ? "in-line" : "compressed, follows"}`,
  );
  requireBytes(layer.at, isNextInline ? 2 : 1, end, "an extension header");
  if (isNextInline) layer.take(1, "next header", protocolName(byteAt(bytes, layer.at)));
  const isFragment = protocolName(protocol) === "fragment";
  const length = isFragment ? 6 : byteAt(bytes, layer.at);
  layer.take(1, isFragment ? "reserved" : "length", String(byteAt(bytes, layer.at)));
  requireBytes(layer.at, length, end, "an extension header");
  if (length > 0) layer.take(length, "content", formatOctets(bytes.subarray(layer.at, layer.at + length)));
  return layer.build();
}
