import { byteAt, ByteWriter, readUint16, readUint32 } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import type { Ipv6Address } from "./address.js";
import { decodeNdOptions, encodeNdOptions, type NdOption } from "./nd-option.js";

/** The messages of neighbour discovery (RFC 4861 4, RFC 6775 4.4), each behind the ICMPv6 header. */
export type NdMessage =
  | RouterSolicitation
  | RouterAdvertisement
  | NeighborSolicitation
  | NeighborAdvertisement
  | DuplicateAddressMessage;

/** ICMPv6 types. */
export const ND_TYPE = {
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  duplicateAddressRequest: 157,
  duplicateAddressConfirmation: 158,
} as const;

/** `| Reserved: 4 | Options |` */
export interface RouterSolicitation {
  readonly type: "router-solicitation";
  readonly options: readonly NdOption[];
}

/** `| Hop limit | M O 000000 | Router lifetime: 2 | Reachable time: 4 | Retransmission time: 4 | Options |` */
export interface RouterAdvertisement {
  readonly type: "router-advertisement";
  /** The hop limit for hosts to use; 0 says nothing. */
  readonly hopLimit: number;
  readonly isManaged: boolean;
  readonly hasOtherConfiguration: boolean;
  /** 0: not a default router. */
  readonly routerLifetimeSeconds: number;
  readonly reachableTimeMs: number;
  readonly retransmissionTimeMs: number;
  readonly options: readonly NdOption[];
}

/** `| Reserved: 4 | Target: 16 | Options |` */
export interface NeighborSolicitation {
  readonly type: "neighbor-solicitation";
  readonly target: Ipv6Address;
  readonly options: readonly NdOption[];
}

/** `| R S O and 29 bits | Target: 16 | Options |` */
export interface NeighborAdvertisement {
  readonly type: "neighbor-advertisement";
  readonly isRouter: boolean;
  readonly isSolicited: boolean;
  readonly isOverride: boolean;
  readonly target: Ipv6Address;
  readonly options: readonly NdOption[];
}

/**
 * A router's question to the border router whether an address is taken, and the answer:
 *
 * `| Status | TID or 0 | Lifetime: 2, in minutes | EUI-64 or ROVR | Registered address: 16 |`
 */
export interface DuplicateAddressMessage {
  readonly type: "duplicate-address-request" | "duplicate-address-confirmation";
  /** The code: 1 to 4 for an owner of 8 to 32 octets in the extended form (RFC 8505 4.2), 0 in the plain one. */
  readonly code: number;
  readonly status: number;
  readonly transactionId: number;
  readonly lifetimeMinutes: number;
  readonly owner: Uint8Array;
  readonly registeredAddress: Ipv6Address;
}

/** The message of this ICMPv6 type in what follows type, code and checksum; undefined for other types. @throws WireError. */
export function decodeNd(
  icmpType: number,
  code: number,
  bytes: Uint8Array,
  at: number,
  end: number,
): NdMessage | undefined {
  switch (icmpType) {
    case ND_TYPE.routerSolicitation:
      requireBytes(at, 4, end, "the router solicitation");
      return { type: "router-solicitation", options: decodeNdOptions(bytes, at + 4, end) };
    case ND_TYPE.routerAdvertisement:
      requireBytes(at, 12, end, "the router advertisement");
      return {
        type: "router-advertisement",
        hopLimit: byteAt(bytes, at),
        isManaged: (byteAt(bytes, at + 1) & 0x80) !== 0,
        hasOtherConfiguration: (byteAt(bytes, at + 1) & 0x40) !== 0,
        routerLifetimeSeconds: readUint16(bytes, at + 2),
        reachableTimeMs: readUint32(bytes, at + 4),
        retransmissionTimeMs: readUint32(bytes, at + 8),
        options: decodeNdOptions(bytes, at + 12, end),
      };
    case ND_TYPE.neighborSolicitation:
      return { type: "neighbor-solicitation", ...decodeTarget(bytes, at, end) };
    case ND_TYPE.neighborAdvertisement: {
      const target = decodeTarget(bytes, at, end);
      const flags = byteAt(bytes, at);
      return {
        type: "neighbor-advertisement",
        isRouter: (flags & 0x80) !== 0,
        isSolicited: (flags & 0x40) !== 0,
        isOverride: (flags & 0x20) !== 0,
        ...target,
      };
    }
    case ND_TYPE.duplicateAddressRequest:
      return { type: "duplicate-address-request", ...decodeDuplicateAddress(code, bytes, at, end) };
    case ND_TYPE.duplicateAddressConfirmation:
      return { type: "duplicate-address-confirmation", ...decodeDuplicateAddress(code, bytes, at, end) };
    default:
      return undefined;
  }
}

function decodeTarget(bytes: Uint8Array, at: number, end: number): { target: Ipv6Address; options: NdOption[] } {
  requireBytes(at, 20, end, "the target");
  const target = bytes.slice(at + 4, at + 20);
  // RFC 4861 7.1: the target must not be multicast.
  if (target[0] === 0xff) throw new WireError("reserved", "a multicast target");
  return { target, options: decodeNdOptions(bytes, at + 20, end) };
}

function decodeDuplicateAddress(
  code: number,
  bytes: Uint8Array,
  at: number,
  end: number,
): Omit<DuplicateAddressMessage, "type"> {
  const ownerLength = code === 0 ? 8 : (code & 0xf) * 8;
  if (ownerLength > 32 || ownerLength === 0) throw new WireError("reserved", `a duplicate address code of ${code}`);
  requireBytes(at, 4 + ownerLength + 16, end, "the duplicate address message");
  return {
    code,
    status: byteAt(bytes, at),
    transactionId: byteAt(bytes, at + 1),
    lifetimeMinutes: readUint16(bytes, at + 2),
    owner: bytes.slice(at + 4, at + 4 + ownerLength),
    registeredAddress: bytes.slice(at + 4 + ownerLength, at + 20 + ownerLength),
  };
}

/** Type, code and what follows the checksum. @throws RangeError for values that do not fit their fields. */
export function encodeNd(message: NdMessage): { icmpType: number; code: number; body: Uint8Array } {
  const writer = new ByteWriter(64);
  switch (message.type) {
    case "router-solicitation":
      writer.uint32(0);
      encodeNdOptions(message.options, writer);
      return { icmpType: ND_TYPE.routerSolicitation, code: 0, body: writer.toBytes() };
    case "router-advertisement":
      writer.uint8(message.hopLimit);
      writer.uint8((message.isManaged ? 0x80 : 0) | (message.hasOtherConfiguration ? 0x40 : 0));
      writer.uint16(message.routerLifetimeSeconds);
      writer.uint32(message.reachableTimeMs).uint32(message.retransmissionTimeMs);
      encodeNdOptions(message.options, writer);
      return { icmpType: ND_TYPE.routerAdvertisement, code: 0, body: writer.toBytes() };
    case "neighbor-solicitation":
      writer.uint32(0).append(message.target);
      encodeNdOptions(message.options, writer);
      return { icmpType: ND_TYPE.neighborSolicitation, code: 0, body: writer.toBytes() };
    case "neighbor-advertisement":
      writer.uint8((message.isRouter ? 0x80 : 0) | (message.isSolicited ? 0x40 : 0) | (message.isOverride ? 0x20 : 0));
      writer.uint8(0).uint16(0).append(message.target);
      encodeNdOptions(message.options, writer);
      return { icmpType: ND_TYPE.neighborAdvertisement, code: 0, body: writer.toBytes() };
    case "duplicate-address-request":
    case "duplicate-address-confirmation": {
      const isRequest = message.type === "duplicate-address-request";
      writer.uint8(message.status).uint8(message.transactionId).uint16(message.lifetimeMinutes);
      writer.append(message.owner).append(message.registeredAddress);
      const icmpType = isRequest ? ND_TYPE.duplicateAddressRequest : ND_TYPE.duplicateAddressConfirmation;
      return { icmpType, code: message.code, body: writer.toBytes() };
    }
  }
}
