import { byteAt } from "@isthmus/bytes";
import { WireError } from "../wire-error.js";
import { IPV6_HEADER_LENGTH, NEXT_HEADER } from "./ipv6.js";

/** An extension header of a packet. */
export interface ExtensionHeader {
  readonly protocol: number;
  readonly at: number;
  readonly end: number;
}

/** What follows the IPv6 header: extension headers, and where the upper layer begins. */
export interface ExtensionChain {
  readonly extensions: readonly ExtensionHeader[];
  readonly protocol: number;
  readonly upperAt: number;
}

const WITH_LENGTH: readonly number[] = [
  NEXT_HEADER.hopByHop,
  NEXT_HEADER.routing,
  NEXT_HEADER.destinationOptions,
  NEXT_HEADER.mobility,
];

/** Headers beyond this many are taken for an attack. */
const MAX_EXTENSIONS = 8;

/** Walks the extension headers of `packet` (RFC 8200 4). @throws WireError when they do not fit it, or are too many. */
export function walkExtensions(packet: Uint8Array): ExtensionChain {
  const extensions: ExtensionHeader[] = [];
  let protocol = byteAt(packet, 6);
  let at = IPV6_HEADER_LENGTH;
  while (WITH_LENGTH.includes(protocol) || protocol === NEXT_HEADER.fragment) {
    const length =
      at + 8 > packet.length ? 0 : protocol === NEXT_HEADER.fragment ? 8 : (byteAt(packet, at + 1) + 1) * 8;
    if (length === 0 || at + length > packet.length)
      throw new WireError("truncated", "an extension header is cut short");
    if (extensions.length === MAX_EXTENSIONS) throw new WireError("header-length", "too many extension headers");
    extensions.push({ protocol, at, end: at + length });
    protocol = byteAt(packet, at);
    at += length;
  }
  return { extensions, protocol, upperAt: at };
}
