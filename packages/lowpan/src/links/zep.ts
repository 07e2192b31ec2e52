import { byteAt, readUint16, readUint32 } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire/wire-error.js";
import { MAX_FRAME_LENGTH } from "../wire/mac/frame.js";
import type { LinkAddress } from "../wire/mac/link-address.js";

/** The UDP port of ZEP. */
export const ZEP_PORT = 17754;

/**
 * A frame in the ZigBee Encapsulation Protocol, version 2, as sniffers and RIOT's native nodes send it:
 *
 * ```text
 *  0      2         3        4         5           7        8     9          17         21           31
 * +------+---------+--------+---------+-----------+--------+-----+----------+----------+------------+--------+------+
 * | "EX" | Version | Type   | Channel | Device ID | LQI    | LQI | NTP time | Sequence | Reserved   | Length | PSDU |
 * |      |    2    | 1 data |         |           | mode   |     | 4 and 4  | number   |            |        |      |
 * +------+---------+--------+---------+-----------+--------+-----+----------+----------+------------+--------+------+
 * ```
 *
 * Length counts the PSDU with its check sequence. MAC acknowledgements travel as data too.
 */
export interface ZepData {
  readonly type: "data";
  readonly channel: number;
  readonly deviceId: number;
  /** Whether `lqi` is a link quality; otherwise the frame's check sequence stands for it in the CC24xx's manner. */
  readonly isLqiMode: boolean;
  readonly lqi: number;
  /** NTP's 64 bits: seconds since 1900 and their fraction. See {@link ntpOfNs}. */
  readonly ntpTime: bigint;
  /** RIOT always sends 0: nothing to tell duplicates by. */
  readonly sequenceNumber: number;
  /** The frame with its check sequence. */
  readonly psdu: Uint8Array;
}

/** An acknowledgement of a sequence number (type 2). */
export interface ZepAck {
  readonly type: "ack";
  readonly sequenceNumber: number;
}

/** RIOT's registration with a dispatcher (type 255): a node that has not sent anything yet wants to receive. */
export interface ZepHello {
  readonly type: "hello";
  readonly address: LinkAddress | undefined;
}

export type ZepPacket = ZepData | ZepAck | ZepHello;

const TYPE = { data: 1, ack: 2, hello: 255 } as const;
const DATA_HEADER_LENGTH = 32;
const ACK_LENGTH = 8;
const V1_HEADER_LENGTH = 16;
/** Seconds from 1900, where NTP begins, to 1970. */
const NTP_OFFSET_SECONDS = 2_208_988_800n;
const NS_PER_SECOND = 1_000_000_000n;
/** "HELLO" */
const HELLO = Uint8Array.of(0x48, 0x45, 0x4c, 0x4c, 0x4f);

/** The packet in a UDP datagram, of version 2 or 1. @throws WireError. */
export function decodeZep(datagram: Uint8Array): ZepPacket {
  const end = datagram.length;
  requireBytes(0, 4, end, "the ZEP header");
  if (byteAt(datagram, 0) !== 0x45 || byteAt(datagram, 1) !== 0x58) {
    throw new WireError("frame-type", "the datagram does not begin with EX");
  }
  const version = byteAt(datagram, 2);
  if (version === 1) return decodeVersion1(datagram);
  if (version !== 2) throw new WireError("frame-version", `ZEP version ${version}`);
  const type = byteAt(datagram, 3);
  if (type === TYPE.ack) {
    requireBytes(0, ACK_LENGTH, end, "the ZEP acknowledgement");
    return { type: "ack", sequenceNumber: readUint32(datagram, 4) };
  }
  if (type !== TYPE.data && type !== TYPE.hello) throw new WireError("frame-type", `ZEP type ${type}`);
  requireBytes(0, DATA_HEADER_LENGTH, end, "the ZEP header");
  const content = contentOf(datagram, DATA_HEADER_LENGTH);
  if (type === TYPE.hello) return { type: "hello", address: content.length === 8 ? content.slice() : undefined };
  return {
    type: "data",
    channel: byteAt(datagram, 4),
    deviceId: readUint16(datagram, 5),
    isLqiMode: byteAt(datagram, 7) !== 0,
    lqi: byteAt(datagram, 8),
    ntpTime: (BigInt(readUint32(datagram, 9)) << 32n) | BigInt(readUint32(datagram, 13)),
    sequenceNumber: readUint32(datagram, 17),
    psdu: requireFrame(content),
  };
}

/** The datagram of a packet, version 2. @throws RangeError when the frame is too long. */
export function encodeZep(packet: ZepPacket): Uint8Array {
  switch (packet.type) {
    case "ack": {
      const datagram = begin(ACK_LENGTH, TYPE.ack);
      new DataView(datagram.buffer).setUint32(4, packet.sequenceNumber);
      return datagram;
    }
    case "hello": {
      const address = packet.address ?? new Uint8Array(0);
      const datagram = begin(DATA_HEADER_LENGTH + address.length, TYPE.hello);
      datagram.set(HELLO, 21);
      datagram[31] = address.length;
      datagram.set(address, DATA_HEADER_LENGTH);
      return datagram;
    }
    case "data":
      return encodeData(packet);
  }
}

function encodeData(packet: ZepData): Uint8Array {
  const { psdu } = packet;
  if (psdu.length > MAX_FRAME_LENGTH) throw new RangeError(`a frame of ${psdu.length} octets`);
  const datagram = begin(DATA_HEADER_LENGTH + psdu.length, TYPE.data);
  const view = new DataView(datagram.buffer);
  view.setUint8(4, packet.channel);
  view.setUint16(5, packet.deviceId);
  view.setUint8(7, packet.isLqiMode ? 1 : 0);
  view.setUint8(8, packet.lqi);
  view.setBigUint64(9, packet.ntpTime);
  view.setUint32(17, packet.sequenceNumber);
  view.setUint8(31, psdu.length);
  datagram.set(psdu, DATA_HEADER_LENGTH);
  return datagram;
}

function begin(length: number, type: number): Uint8Array {
  const datagram = new Uint8Array(length);
  datagram.set([0x45, 0x58, 2, type]);
  return datagram;
}

/** Version 1 has neither type, time nor sequence number; its length stands at 15. */
function decodeVersion1(datagram: Uint8Array): ZepData {
  requireBytes(0, V1_HEADER_LENGTH, datagram.length, "the ZEP header");
  return {
    type: "data",
    channel: byteAt(datagram, 3),
    deviceId: readUint16(datagram, 4),
    isLqiMode: byteAt(datagram, 6) !== 0,
    lqi: byteAt(datagram, 7),
    ntpTime: 0n,
    sequenceNumber: 0,
    psdu: requireFrame(contentOf(datagram, V1_HEADER_LENGTH)),
  };
}

/** What the last octet of the header says the length of: exactly the rest of the datagram. */
function contentOf(datagram: Uint8Array, headerLength: number): Uint8Array {
  const length = byteAt(datagram, headerLength - 1);
  if (datagram.length !== headerLength + length) {
    throw new WireError("frame-length", `a ZEP length of ${length} in a datagram of ${datagram.length} octets`);
  }
  return datagram.subarray(headerLength);
}

function requireFrame(psdu: Uint8Array): Uint8Array {
  if (psdu.length > MAX_FRAME_LENGTH) throw new WireError("frame-length", `a frame of ${psdu.length} octets`);
  return psdu;
}

/** The NTP time of an instant in nanoseconds since 1970. */
export function ntpOfNs(timestampNs: bigint): bigint {
  const seconds = timestampNs / NS_PER_SECOND + NTP_OFFSET_SECONDS;
  const fraction = ((timestampNs % NS_PER_SECOND) << 32n) / NS_PER_SECOND;
  return BigInt.asUintN(64, (seconds << 32n) | fraction);
}

/** Nanoseconds since 1970 of an NTP time. */
export function nsOfNtp(ntpTime: bigint): bigint {
  const seconds = (ntpTime >> 32n) - NTP_OFFSET_SECONDS;
  return seconds * NS_PER_SECOND + (((ntpTime & 0xffff_ffffn) * NS_PER_SECOND) >> 32n);
}
