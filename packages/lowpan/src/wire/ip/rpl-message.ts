import { byteAt, ByteWriter, readUint16 } from "@isthmus/bytes";
import { requireBytes } from "../wire-error.js";
import type { Ipv6Address } from "./address.js";
import { decodeRplOptions, encodeRplOptions, type RplOption } from "./rpl-option.js";

/** The ICMPv6 type of all RPL control messages; the code tells them apart (RFC 6550 6). */
export const RPL_CONTROL = 155;

const CODE = { dis: 0, dio: 1, dao: 2, daoAck: 3 } as const;

/** Modes of operation that a DIO may tell (RFC 6550 6.3.1). */
export const RPL_MODE = { noDownwardRoutes: 0, nonStoring: 1, storing: 2, storingWithMulticast: 3 } as const;

export type RplMessage =
  | DodagInformationSolicitation
  | DodagInformationObject
  | DestinationAdvertisement
  | DaoAck
  | OtherRpl;

/** `| Flags: 1 | Reserved: 1 | Options |` */
export interface DodagInformationSolicitation {
  readonly type: "dis";
  readonly options: readonly RplOption[];
}

/**
 * ```text
 * | Instance | Version | Rank: 2 | G 0, mode: 3, preference: 3 | DTSN | Flags | Reserved | DODAG ID: 16 | Options |
 * ```
 */
export interface DodagInformationObject {
  readonly type: "dio";
  readonly instanceId: number;
  readonly version: number;
  readonly rank: number;
  readonly isGrounded: boolean;
  /** Of {@link RPL_MODE}. */
  readonly mode: number;
  readonly preference: number;
  /** A new number asks the nodes below for their DAOs. */
  readonly dtsn: number;
  readonly dodagId: Ipv6Address;
  readonly options: readonly RplOption[];
}

/** `| Instance | K D 000000 | Reserved | Sequence | DODAG ID: 0 or 16 | Options |` */
export interface DestinationAdvertisement {
  readonly type: "dao";
  readonly instanceId: number;
  readonly wantsAck: boolean;
  readonly sequence: number;
  readonly dodagId: Ipv6Address | undefined;
  readonly options: readonly RplOption[];
}

/** `| Instance | D 0000000 | Sequence | Status | DODAG ID: 0 or 16 | Options |` */
export interface DaoAck {
  readonly type: "dao-ack";
  readonly instanceId: number;
  readonly sequence: number;
  /** 0 accepted, 1 to 127 accepted but better elsewhere, above refused. */
  readonly status: number;
  readonly dodagId: Ipv6Address | undefined;
  readonly options: readonly RplOption[];
}

/** Secured forms, consistency checks, and what came later: not taken apart. */
export interface OtherRpl {
  readonly type: "other-rpl";
  readonly code: number;
  readonly body: Uint8Array;
}

/** The message of this code from `at` to `end`. @throws WireError. */
export function decodeRpl(code: number, bytes: Uint8Array, at: number, end: number): RplMessage {
  switch (code) {
    case CODE.dis:
      requireBytes(at, 2, end, "the DIS");
      return { type: "dis", options: decodeRplOptions(bytes, at + 2, end) };
    case CODE.dio:
      return decodeDio(bytes, at, end);
    case CODE.dao: {
      requireBytes(at, 4, end, "the DAO");
      const flags = byteAt(bytes, at + 1);
      const { dodagId, optionsAt } = decodeDodagId((flags & 0x40) !== 0, bytes, at + 4, end);
      return {
        type: "dao",
        instanceId: byteAt(bytes, at),
        wantsAck: (flags & 0x80) !== 0,
        sequence: byteAt(bytes, at + 3),
        dodagId,
        options: decodeRplOptions(bytes, optionsAt, end),
      };
    }
    case CODE.daoAck: {
      requireBytes(at, 4, end, "the DAO-ACK");
      const { dodagId, optionsAt } = decodeDodagId((byteAt(bytes, at + 1) & 0x80) !== 0, bytes, at + 4, end);
      return {
        type: "dao-ack",
        instanceId: byteAt(bytes, at),
        sequence: byteAt(bytes, at + 2),
        status: byteAt(bytes, at + 3),
        dodagId,
        options: decodeRplOptions(bytes, optionsAt, end),
      };
    }
    default:
      return { type: "other-rpl", code, body: bytes.slice(at, end) };
  }
}

function decodeDio(bytes: Uint8Array, at: number, end: number): DodagInformationObject {
  requireBytes(at, 24, end, "the DIO");
  const flags = byteAt(bytes, at + 4);
  return {
    type: "dio",
    instanceId: byteAt(bytes, at),
    version: byteAt(bytes, at + 1),
    rank: readUint16(bytes, at + 2),
    isGrounded: (flags & 0x80) !== 0,
    mode: (flags >>> 3) & 7,
    preference: flags & 7,
    dtsn: byteAt(bytes, at + 5),
    dodagId: bytes.slice(at + 8, at + 24),
    options: decodeRplOptions(bytes, at + 24, end),
  };
}

function decodeDodagId(
  isPresent: boolean,
  bytes: Uint8Array,
  at: number,
  end: number,
): { dodagId: Ipv6Address | undefined; optionsAt: number } {
  if (!isPresent) return { dodagId: undefined, optionsAt: at };
  requireBytes(at, 16, end, "the DODAG ID");
  return { dodagId: bytes.slice(at, at + 16), optionsAt: at + 16 };
}

/** Type, code and what follows the checksum. @throws RangeError for values that do not fit their fields. */
export function encodeRpl(message: RplMessage): { icmpType: number; code: number; body: Uint8Array } {
  if (message.type === "other-rpl") return { icmpType: RPL_CONTROL, code: message.code, body: message.body };
  const writer = new ByteWriter(64);
  const code = encodeFixed(message, writer);
  encodeRplOptions(message.options, writer);
  return { icmpType: RPL_CONTROL, code, body: writer.toBytes() };
}

function encodeFixed(message: Exclude<RplMessage, OtherRpl>, writer: ByteWriter): number {
  switch (message.type) {
    case "dis":
      writer.uint16(0);
      return CODE.dis;
    case "dio":
      writer.uint8(message.instanceId).uint8(message.version).uint16(message.rank);
      writer.uint8((message.isGrounded ? 0x80 : 0) | (message.mode << 3) | message.preference);
      writer.uint8(message.dtsn).uint16(0).append(message.dodagId);
      return CODE.dio;
    case "dao":
      writer.uint8(message.instanceId);
      writer.uint8((message.wantsAck ? 0x80 : 0) | (message.dodagId === undefined ? 0 : 0x40));
      writer.uint8(0).uint8(message.sequence);
      if (message.dodagId !== undefined) writer.append(message.dodagId);
      return CODE.dao;
    case "dao-ack":
      writer.uint8(message.instanceId).uint8(message.dodagId === undefined ? 0 : 0x80);
      writer.uint8(message.sequence).uint8(message.status);
      if (message.dodagId !== undefined) writer.append(message.dodagId);
      return CODE.daoAck;
  }
}
