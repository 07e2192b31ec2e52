import { byteAt, type ByteWriter, readUint16, readUint32 } from "@isthmus/bytes";
import type { LinkAddress } from "../mac/link-address.js";
import { requireBytes, WireError } from "../wire-error.js";
import { type Ipv6Address, maskAddress } from "./address.js";

/**
 * Options of neighbour discovery (RFC 4861 4.6): lengths count 8 octets, type and length included.
 *
 * ```text
 * +---------+-----------+------------------------------+
 * | Type: 1 | Length: 1 | Content, to a multiple of 8  |
 * +---------+-----------+------------------------------+
 * ```
 */
export type NdOption =
  | LinkAddressOption
  | PrefixInformationOption
  | { readonly type: "mtu"; readonly mtu: number }
  | AddressRegistrationOption
  | ContextOption
  | BorderRouterOption
  | { readonly type: "other"; readonly optionType: number; readonly content: Uint8Array };

const TYPE = {
  sourceLinkAddress: 1,
  targetLinkAddress: 2,
  prefixInformation: 3,
  mtu: 5,
  addressRegistration: 33,
  context: 34,
  borderRouter: 35,
} as const;

/** Link address of the sender (type 1) or of the target (type 2); 2 or 8 octets, then zeros (RFC 4944 8). */
export interface LinkAddressOption {
  readonly type: "source-link-address" | "target-link-address";
  readonly address: LinkAddress;
}

/**
 * Prefix information (RFC 4861 4.6.2):
 *
 * ```text
 * | Type 3 | Length 4 | Prefix length | L A R 00000 | Valid lifetime: 4 | Preferred lifetime: 4 | 0: 4 | Prefix: 16 |
 * ```
 */
export interface PrefixInformationOption {
  readonly type: "prefix-information";
  readonly prefix: Ipv6Address;
  readonly prefixLength: number;
  /** L: addresses of the prefix are on the link. Never in a 6LoWPAN (RFC 6775 5.4). */
  readonly isOnLink: boolean;
  /** A: hosts make addresses of it. */
  readonly isAutonomous: boolean;
  readonly validLifetimeSeconds: number;
  readonly preferredLifetimeSeconds: number;
}

/**
 * Address registration, plain (RFC 6775 4.1) and extended (RFC 8505 4.1):
 *
 * ```text
 * | Type 33 | Length 2+ | Status | Opaque | 0000 I I R T | TID | Lifetime: 2, in minutes | EUI-64 or ROVR: 8, 16, 24, 32 |
 * ```
 */
export interface AddressRegistrationOption {
  readonly type: "address-registration";
  readonly status: number;
  readonly lifetimeMinutes: number;
  /** Whose address it is: the EUI-64, or another verifier of ownership. */
  readonly owner: Uint8Array;
  /** The transaction number of an extended registration (T is set); undefined in a plain one. */
  readonly transactionId: number | undefined;
  /** R: the registering node wants the router to see to its reachability. */
  readonly wantsRouting: boolean;
  readonly opaque: number;
}

/** Statuses of a registration (RFC 6775 4.1, RFC 8505 4.1). */
export const REGISTRATION_STATUS = {
  success: 0,
  duplicateAddress: 1,
  neighborCacheFull: 2,
  moved: 3,
  removed: 4,
  validationRequested: 5,
  duplicateSourceAddress: 6,
  invalidSourceAddress: 7,
  registeredAddressTopologicallyIncorrect: 8,
  registryOfBorderRouterSaturated: 9,
  validationFailed: 10,
} as const;

/**
 * 6LoWPAN context (RFC 6775 4.2):
 *
 * ```text
 * | Type 34 | Length 2 or 3 | Context length | 000 C, identifier: 4 | 0: 2 | Lifetime: 2, in minutes | Prefix: 8 or 16 |
 * ```
 */
export interface ContextOption {
  readonly type: "context";
  readonly contextId: number;
  readonly prefix: Ipv6Address;
  readonly prefixLength: number;
  /** C: senders may use it, not only receivers. */
  readonly isForCompression: boolean;
  readonly lifetimeMinutes: number;
}

/**
 * Authoritative border router (RFC 6775 4.3): whose prefixes and contexts these are, and how new.
 *
 * ```text
 * | Type 35 | Length 3 | Version low: 2 | Version high: 2 | Lifetime: 2, in minutes | Address: 16 |
 * ```
 */
export interface BorderRouterOption {
  readonly type: "border-router";
  readonly version: number;
  /** As on the wire, where 0 stands for 10,000. */
  readonly lifetimeMinutes: number;
  readonly address: Ipv6Address;
}

/** The options from `at` to `end`. @throws WireError. */
export function decodeNdOptions(bytes: Uint8Array, at: number, end: number): NdOption[] {
  const options: NdOption[] = [];
  while (at < end) {
    requireBytes(at, 2, end, "an option");
    const length = byteAt(bytes, at + 1) * 8;
    // RFC 4861 4.6: a message with an option of length zero is discarded.
    if (length === 0) throw new WireError("option", "an option of length zero");
    requireBytes(at, length, end, "an option");
    options.push(decodeOption(bytes, at, length));
    at += length;
  }
  return options;
}

function decodeOption(bytes: Uint8Array, at: number, length: number): NdOption {
  const optionType = byteAt(bytes, at);
  switch (optionType) {
    case TYPE.sourceLinkAddress:
    case TYPE.targetLinkAddress: {
      // A short address fits 8 octets, an extended one needs 16.
      const address = bytes.slice(at + 2, at + 2 + (length === 8 ? 2 : 8));
      return { type: optionType === TYPE.sourceLinkAddress ? "source-link-address" : "target-link-address", address };
    }
    case TYPE.prefixInformation:
      return decodePrefixInformation(bytes, at, length);
    case TYPE.mtu:
      return { type: "mtu", mtu: readUint32(bytes, at + 4) };
    case TYPE.addressRegistration:
      return decodeAddressRegistration(bytes, at, length);
    case TYPE.context:
      return decodeContext(bytes, at, length);
    case TYPE.borderRouter:
      requireLength(length, 24, "the border router option");
      return {
        type: "border-router",
        version: readUint16(bytes, at + 2) + readUint16(bytes, at + 4) * 0x1_0000,
        lifetimeMinutes: readUint16(bytes, at + 6),
        address: bytes.slice(at + 8, at + 24),
      };
    default:
      return { type: "other", optionType, content: bytes.slice(at + 2, at + length) };
  }
}

function decodePrefixInformation(bytes: Uint8Array, at: number, length: number): PrefixInformationOption {
  requireLength(length, 32, "the prefix information option");
  const prefixLength = byteAt(bytes, at + 2);
  if (prefixLength > 128) throw new WireError("option", `a prefix of ${prefixLength} bits`);
  return {
    type: "prefix-information",
    prefixLength,
    isOnLink: (byteAt(bytes, at + 3) & 0x80) !== 0,
    isAutonomous: (byteAt(bytes, at + 3) & 0x40) !== 0,
    validLifetimeSeconds: readUint32(bytes, at + 4),
    preferredLifetimeSeconds: readUint32(bytes, at + 8),
    // What stands behind the prefix is to be ignored.
    prefix: maskAddress(bytes.subarray(at + 16, at + 32), prefixLength),
  };
}

function decodeAddressRegistration(bytes: Uint8Array, at: number, length: number): AddressRegistrationOption {
  if (length < 16) throw new WireError("option", `an address registration of ${length} octets`);
  const flags = byteAt(bytes, at + 4);
  return {
    type: "address-registration",
    status: byteAt(bytes, at + 2),
    opaque: byteAt(bytes, at + 3),
    wantsRouting: (flags & 2) !== 0,
    transactionId: (flags & 1) === 0 ? undefined : byteAt(bytes, at + 5),
    lifetimeMinutes: readUint16(bytes, at + 6),
    owner: bytes.slice(at + 8, at + length),
  };
}

function decodeContext(bytes: Uint8Array, at: number, length: number): ContextOption {
  const prefixLength = byteAt(bytes, at + 2);
  const isLongEnough = length === 24 || (length === 16 && prefixLength <= 64);
  if (!isLongEnough || prefixLength > 128) {
    throw new WireError("option", `a context of ${prefixLength} bits in ${length} octets`);
  }
  const prefix = new Uint8Array(16);
  prefix.set(bytes.subarray(at + 8, at + length));
  return {
    type: "context",
    contextId: byteAt(bytes, at + 3) & 0xf,
    isForCompression: (byteAt(bytes, at + 3) & 0x10) !== 0,
    prefixLength,
    lifetimeMinutes: readUint16(bytes, at + 6),
    prefix: maskAddress(prefix, prefixLength),
  };
}

function requireLength(length: number, expected: number, what: string): void {
  if (length !== expected) throw new WireError("option", `${what} has ${expected} octets, not ${length}`);
}

/** Appends the octets of `options`. @throws RangeError for values that do not fit their fields. */
export function encodeNdOptions(options: readonly NdOption[], writer: ByteWriter): void {
  for (const option of options) encodeOption(option, writer);
}

function encodeOption(option: NdOption, writer: ByteWriter): void {
  switch (option.type) {
    case "source-link-address":
    case "target-link-address": {
      const { address } = option;
      const optionType = option.type === "source-link-address" ? TYPE.sourceLinkAddress : TYPE.targetLinkAddress;
      const units = address.length === 2 ? 1 : 2;
      writer.uint8(optionType).uint8(units).append(address);
      writer.append(new Uint8Array(8 * units - 2 - address.length));
      return;
    }
    case "prefix-information":
      writer.uint8(TYPE.prefixInformation).uint8(4).uint8(option.prefixLength);
      writer.uint8((option.isOnLink ? 0x80 : 0) | (option.isAutonomous ? 0x40 : 0));
      writer.uint32(option.validLifetimeSeconds).uint32(option.preferredLifetimeSeconds).uint32(0);
      writer.append(maskAddress(option.prefix, option.prefixLength));
      return;
    case "mtu":
      writer.uint8(TYPE.mtu).uint8(1).uint16(0).uint32(option.mtu);
      return;
    case "address-registration": {
      const { owner, transactionId } = option;
      writer.uint8(TYPE.addressRegistration).uint8(1 + owner.length / 8);
      writer.uint8(option.status).uint8(option.opaque);
      writer.uint8((option.wantsRouting ? 2 : 0) | (transactionId === undefined ? 0 : 1)).uint8(transactionId ?? 0);
      writer.uint16(option.lifetimeMinutes).append(owner);
      return;
    }
    case "context": {
      const length = option.prefixLength <= 64 ? 8 : 16;
      writer
        .uint8(TYPE.context)
        .uint8(1 + length / 8)
        .uint8(option.prefixLength);
      writer
        .uint8((option.isForCompression ? 0x10 : 0) | option.contextId)
        .uint16(0)
        .uint16(option.lifetimeMinutes);
      writer.append(maskAddress(option.prefix, option.prefixLength).subarray(0, length));
      return;
    }
    case "border-router":
      writer.uint8(TYPE.borderRouter).uint8(3);
      writer.uint16(option.version % 0x1_0000).uint16(Math.floor(option.version / 0x1_0000));
      writer.uint16(option.lifetimeMinutes).append(option.address);
      return;
    case "other":
      writer
        .uint8(option.optionType)
        .uint8((option.content.length + 2) / 8)
        .append(option.content);
  }
}
