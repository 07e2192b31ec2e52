import { byteAt, type ByteWriter, readUint16, readUint32 } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import { type Ipv6Address, maskAddress } from "./address.js";

/**
 * Options of RPL control messages (RFC 6550 6.7): lengths count the octets behind them; Pad1 is a lone zero.
 *
 * ```text
 * +---------+-----------+---------+
 * | Type: 1 | Length: 1 | Content |
 * +---------+-----------+---------+
 * ```
 */
export type RplOption =
  | DodagConfiguration
  | RplTarget
  | TransitInformation
  | SolicitedInformation
  | RplPrefixInformation
  | { readonly type: "other"; readonly optionType: number; readonly content: Uint8Array };

const TYPE = {
  pad1: 0,
  padN: 1,
  dodagConfiguration: 4,
  target: 5,
  transitInformation: 6,
  solicitedInformation: 7,
  prefixInformation: 8,
} as const;

/**
 * DODAG configuration (RFC 6550 6.7.6), the same in all the DODAG:
 *
 * ```text
 * | 4 | 14 | 0000 A, PCS: 3 | Doublings | Minimum interval | Redundancy | Max. rank increase: 2 |
 * | Min. hop rank increase: 2 | Objective code point: 2 | 0 | Default lifetime | Lifetime unit: 2 |
 * ```
 */
export interface DodagConfiguration {
  readonly type: "dodag-configuration";
  readonly isAuthenticated: boolean;
  readonly pathControlSize: number;
  /** Trickle: doublings of the interval, its least value as a power of 2 in milliseconds, redundancy (0: none). */
  readonly dioIntervalDoublings: number;
  readonly dioIntervalMin: number;
  readonly dioRedundancyConstant: number;
  /** 0: a node may let its rank grow without bound. */
  readonly maxRankIncrease: number;
  readonly minHopRankIncrease: number;
  readonly objectiveCodePoint: number;
  /** In lifetime units; 255 is forever. */
  readonly defaultLifetime: number;
  readonly lifetimeUnitSeconds: number;
}

/** `| 5 | Length | 0 | Prefix length | Prefix |`: whom a DAO is about. */
export interface RplTarget {
  readonly type: "rpl-target";
  readonly prefix: Ipv6Address;
  readonly prefixLength: number;
}

/** `| 6 | Length | E 0000000 | Path control | Path sequence | Path lifetime | Parent: 0 or 16 |`: how to get there. */
export interface TransitInformation {
  readonly type: "transit-information";
  readonly isExternal: boolean;
  readonly pathControl: number;
  readonly pathSequence: number;
  /** In lifetime units; 0 takes the path back, 255 is forever. */
  readonly pathLifetime: number;
  readonly parent: Ipv6Address | undefined;
}

/** `| 7 | 19 | Instance | V I D 00000 | DODAG ID: 16 | Version |`: of whom a DIS wants to hear. */
export interface SolicitedInformation {
  readonly type: "solicited-information";
  readonly instanceId: number;
  readonly matchesVersion: boolean;
  readonly matchesInstance: boolean;
  readonly matchesDodag: boolean;
  readonly dodagId: Ipv6Address;
  readonly version: number;
}

/** `| 8 | 30 | Prefix length | L A R 00000 | Valid lifetime: 4 | Preferred lifetime: 4 | 0: 4 | Prefix: 16 |` */
export interface RplPrefixInformation {
  readonly type: "rpl-prefix-information";
  readonly prefix: Ipv6Address;
  readonly prefixLength: number;
  readonly isOnLink: boolean;
  readonly isAutonomous: boolean;
  /** R: `prefix` is the sender's whole address. */
  readonly isRouterAddress: boolean;
  readonly validLifetimeSeconds: number;
  readonly preferredLifetimeSeconds: number;
}

/** The options from `at` to `end`. @throws WireError. */
export function decodeRplOptions(bytes: Uint8Array, at: number, end: number): RplOption[] {
  const options: RplOption[] = [];
  while (at < end) {
    const optionType = byteAt(bytes, at);
    if (optionType === TYPE.pad1) {
      at++;
      continue;
    }
    requireBytes(at, 2, end, "a RPL option");
    const length = byteAt(bytes, at + 1);
    requireBytes(at + 2, length, end, "a RPL option");
    if (optionType !== TYPE.padN) options.push(decodeOption(optionType, bytes.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  return options;
}

function decodeOption(optionType: number, content: Uint8Array): RplOption {
  switch (optionType) {
    case TYPE.dodagConfiguration:
      requireLength(content, 14, "the DODAG configuration");
      return {
        type: "dodag-configuration",
        isAuthenticated: (byteAt(content, 0) & 8) !== 0,
        pathControlSize: byteAt(content, 0) & 7,
        dioIntervalDoublings: byteAt(content, 1),
        dioIntervalMin: byteAt(content, 2),
        dioRedundancyConstant: byteAt(content, 3),
        maxRankIncrease: readUint16(content, 4),
        minHopRankIncrease: readUint16(content, 6),
        objectiveCodePoint: readUint16(content, 8),
        defaultLifetime: byteAt(content, 11),
        lifetimeUnitSeconds: readUint16(content, 12),
      };
    case TYPE.target:
      return decodeTarget(content);
    case TYPE.transitInformation:
      if (content.length !== 4) requireLength(content, 20, "the transit information");
      return {
        type: "transit-information",
        isExternal: (byteAt(content, 0) & 0x80) !== 0,
        pathControl: byteAt(content, 1),
        pathSequence: byteAt(content, 2),
        pathLifetime: byteAt(content, 3),
        parent: content.length === 20 ? content.slice(4) : undefined,
      };
    case TYPE.solicitedInformation:
      requireLength(content, 19, "the solicited information");
      return {
        type: "solicited-information",
        instanceId: byteAt(content, 0),
        matchesVersion: (byteAt(content, 1) & 0x80) !== 0,
        matchesInstance: (byteAt(content, 1) & 0x40) !== 0,
        matchesDodag: (byteAt(content, 1) & 0x20) !== 0,
        dodagId: content.slice(2, 18),
        version: byteAt(content, 18),
      };
    case TYPE.prefixInformation:
      return decodePrefixInformation(content);
    default:
      return { type: "other", optionType, content: content.slice() };
  }
}

function decodeTarget(content: Uint8Array): RplTarget {
  const prefixLength = content.length < 2 ? 255 : byteAt(content, 1);
  const octets = (prefixLength + 7) >>> 3;
  if (prefixLength > 128 || content.length < 2 + octets) {
    throw new WireError("option", `a RPL target of ${prefixLength} bits in ${content.length} octets`);
  }
  const prefix = new Uint8Array(16);
  prefix.set(content.subarray(2, 2 + octets));
  return { type: "rpl-target", prefixLength, prefix: maskAddress(prefix, prefixLength) };
}

function decodePrefixInformation(content: Uint8Array): RplPrefixInformation {
  requireLength(content, 30, "the prefix information");
  const flags = byteAt(content, 1);
  return {
    type: "rpl-prefix-information",
    prefixLength: byteAt(content, 0),
    isOnLink: (flags & 0x80) !== 0,
    isAutonomous: (flags & 0x40) !== 0,
    isRouterAddress: (flags & 0x20) !== 0,
    validLifetimeSeconds: readUint32(content, 2),
    preferredLifetimeSeconds: readUint32(content, 6),
    prefix: content.slice(14),
  };
}

function requireLength(content: Uint8Array, expected: number, what: string): void {
  if (content.length !== expected) {
    throw new WireError("option", `${what} has ${expected} octets, not ${content.length}`);
  }
}

/** Appends the octets of `options`. @throws RangeError for values that do not fit their fields. */
export function encodeRplOptions(options: readonly RplOption[], writer: ByteWriter): void {
  for (const option of options) encodeOption(option, writer);
}

function encodeOption(option: RplOption, writer: ByteWriter): void {
  switch (option.type) {
    case "dodag-configuration":
      writer.uint8(TYPE.dodagConfiguration).uint8(14);
      writer.uint8((option.isAuthenticated ? 8 : 0) | option.pathControlSize);
      writer.uint8(option.dioIntervalDoublings).uint8(option.dioIntervalMin).uint8(option.dioRedundancyConstant);
      writer.uint16(option.maxRankIncrease).uint16(option.minHopRankIncrease).uint16(option.objectiveCodePoint);
      writer.uint8(0).uint8(option.defaultLifetime).uint16(option.lifetimeUnitSeconds);
      return;
    case "rpl-target": {
      const octets = (option.prefixLength + 7) >>> 3;
      writer
        .uint8(TYPE.target)
        .uint8(2 + octets)
        .uint8(0)
        .uint8(option.prefixLength);
      writer.append(maskAddress(option.prefix, option.prefixLength).subarray(0, octets));
      return;
    }
    case "transit-information":
      writer.uint8(TYPE.transitInformation).uint8(option.parent === undefined ? 4 : 20);
      writer.uint8(option.isExternal ? 0x80 : 0).uint8(option.pathControl);
      writer.uint8(option.pathSequence).uint8(option.pathLifetime);
      if (option.parent !== undefined) writer.append(option.parent);
      return;
    case "solicited-information":
      writer.uint8(TYPE.solicitedInformation).uint8(19).uint8(option.instanceId);
      writer.uint8(
        (option.matchesVersion ? 0x80 : 0) | (option.matchesInstance ? 0x40 : 0) | (option.matchesDodag ? 0x20 : 0),
      );
      writer.append(option.dodagId).uint8(option.version);
      return;
    case "rpl-prefix-information":
      writer.uint8(TYPE.prefixInformation).uint8(30).uint8(option.prefixLength);
      writer.uint8(
        (option.isOnLink ? 0x80 : 0) | (option.isAutonomous ? 0x40 : 0) | (option.isRouterAddress ? 0x20 : 0),
      );
      writer.uint32(option.validLifetimeSeconds).uint32(option.preferredLifetimeSeconds).uint32(0);
      writer.append(option.prefix);
      return;
    case "other":
      writer.uint8(option.optionType).uint8(option.content.length).append(option.content);
  }
}
