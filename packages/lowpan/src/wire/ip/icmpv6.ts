import { byteAt, readUint16, readUint32, writeUint16 } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import { upperLayerChecksum } from "./checksum.js";
import { encodeIpv6, IPV6_HEADER_LENGTH, type Ipv6Fields, NEXT_HEADER } from "./ipv6.js";
import { decodeNd, encodeNd, type NdMessage } from "./nd-message.js";
import { decodeRpl, encodeRpl, RPL_CONTROL, type RplMessage } from "./rpl-message.js";

/**
 * An ICMPv6 message (RFC 4443 2.1):
 *
 * ```text
 * +---------+---------+-------------+--------------+
 * | Type: 1 | Code: 1 | Checksum: 2 | Message body |
 * +---------+---------+-------------+--------------+
 * ```
 */
export type Icmpv6Message = EchoMessage | ErrorMessage | NdMessage | RplMessage | OtherIcmpv6Message;

export interface EchoMessage {
  readonly type: "echo-request" | "echo-reply";
  readonly identifier: number;
  readonly sequenceNumber: number;
  readonly data: Uint8Array;
}

/** An error about a packet, of which it brings back as much as fits. */
export interface ErrorMessage {
  readonly type: "destination-unreachable" | "packet-too-big" | "time-exceeded" | "parameter-problem";
  readonly code: number;
  /** The largest size for `packet-too-big`, where the mistake is for `parameter-problem`, 0 otherwise. */
  readonly value: number;
  readonly packet: Uint8Array;
}

export interface OtherIcmpv6Message {
  readonly type: "other";
  readonly icmpType: number;
  readonly code: number;
  readonly body: Uint8Array;
}

const ERRORS = ["destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem"] as const;
const ECHO_REQUEST = 128;
const ECHO_REPLY = 129;
const HEADER_LENGTH = 4;

/** Codes of `destination-unreachable` (RFC 4443 3.1). */
export const UNREACHABLE_CODE = { noRoute: 0, beyondScope: 2, address: 3, port: 4 } as const;

/** The message from `at` to `end` of an IPv6 packet. @throws WireError, `checksum` when it is wrong. */
export function decodeIcmpv6(packet: Uint8Array, at: number, end: number): Icmpv6Message {
  requireBytes(at, HEADER_LENGTH, end, "the ICMPv6 header");
  if (upperLayerChecksum(packet, at, end, NEXT_HEADER.icmpv6) !== 0) throw new WireError("checksum");
  const icmpType = byteAt(packet, at);
  const code = byteAt(packet, at + 1);
  const bodyAt = at + HEADER_LENGTH;
  const error = ERRORS[icmpType - 1];
  if (error !== undefined || icmpType === ECHO_REQUEST || icmpType === ECHO_REPLY) {
    requireBytes(bodyAt, 4, end, "the ICMPv6 body");
    const rest = packet.slice(bodyAt + 4, end);
    if (error !== undefined) return { type: error, code, value: readUint32(packet, bodyAt), packet: rest };
    return {
      type: icmpType === ECHO_REQUEST ? "echo-request" : "echo-reply",
      identifier: readUint16(packet, bodyAt),
      sequenceNumber: readUint16(packet, bodyAt + 2),
      data: rest,
    };
  }
  if (icmpType === RPL_CONTROL) return decodeRpl(code, packet, bodyAt, end);
  const message = decodeNd(icmpType, code, packet, bodyAt, end);
  return message ?? { type: "other", icmpType, code, body: packet.slice(bodyAt, end) };
}

/** The IPv6 packet that carries `message`, checksum made. @throws RangeError for values that do not fit. */
export function encodeIcmpv6Packet(header: Omit<Ipv6Fields, "nextHeader">, message: Icmpv6Message): Uint8Array {
  const { icmpType, code, body } = encodeBody(message);
  const payload = new Uint8Array(HEADER_LENGTH + body.length);
  payload[0] = icmpType;
  payload[1] = code;
  payload.set(body, HEADER_LENGTH);
  const packet = encodeIpv6({ ...header, nextHeader: NEXT_HEADER.icmpv6 }, payload);
  const checksum = upperLayerChecksum(packet, IPV6_HEADER_LENGTH, packet.length, NEXT_HEADER.icmpv6);
  writeUint16(packet, IPV6_HEADER_LENGTH + 2, checksum);
  return packet;
}

function encodeBody(message: Icmpv6Message): { icmpType: number; code: number; body: Uint8Array } {
  switch (message.type) {
    case "echo-request":
    case "echo-reply":
      return {
        icmpType: message.type === "echo-request" ? ECHO_REQUEST : ECHO_REPLY,
        code: 0,
        body: withWords(message.identifier, message.sequenceNumber, message.data),
      };
    case "destination-unreachable":
    case "packet-too-big":
    case "time-exceeded":
    case "parameter-problem":
      return {
        icmpType: ERRORS.indexOf(message.type) + 1,
        code: message.code,
        body: withWords(message.value >>> 16, message.value & 0xffff, message.packet),
      };
    case "dis":
    case "dio":
    case "dao":
    case "dao-ack":
    case "other-rpl":
      return encodeRpl(message);
    case "other":
      return message;
    case "router-solicitation":
    case "router-advertisement":
    case "neighbor-solicitation":
    case "neighbor-advertisement":
    case "duplicate-address-request":
    case "duplicate-address-confirmation":
      return encodeNd(message);
  }
}

function withWords(first: number, second: number, rest: Uint8Array): Uint8Array {
  const body = new Uint8Array(4 + rest.length);
  writeUint16(body, 0, first);
  writeUint16(body, 2, second);
  body.set(rest, 4);
  return body;
}
