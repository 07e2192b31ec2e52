import { parseTopicName, parseTopicNameBytes } from "../topics/topic-name.js";
import { FirstByte } from "./constants.js";
import { malformedPacket, MqttProtocolError, protocolError } from "./errors.js";
import { PacketReader } from "./packet-reader.js";
import { checkInteger, checkOneOf, PacketWriter } from "./packet-writer.js";
import type { ConnectPacket, ProtocolVersion, QoS, Will } from "./packets.js";
import { readProperties, writeProperties } from "./properties.js";
import { ReasonCode } from "./reason-codes.js";

// Connect Flags (3.1.2.3):
//
//        7           6            5         4   3       2           1           0
//   +-----------+----------+-------------+----------+------+-------------+----------+
//   | user name | password | will retain | will QoS | will | clean start | reserved |
//   +-----------+----------+-------------+----------+------+-------------+----------+
const USERNAME = 0x80;
const PASSWORD = 0x40;
const WILL_RETAIN = 0x20;
const WILL_QOS = 0x18;
const WILL_QOS_SHIFT = 3;
const WILL = 0x04;
const CLEAN_START = 0x02;
const RESERVED = 0x01;

/** Bit 7 of the protocol level: a bridge of mosquitto or another broker that knows the convention. */
const BRIDGE = 0x80;

export function decodeConnect(reader: PacketReader): ConnectPacket {
  const { protocolVersion, isBridge } = readProtocol(reader);
  const flags = reader.uint8();
  checkFlags(flags, protocolVersion);
  const keepAlive = reader.uint16();
  const properties = protocolVersion === 5 ? readProperties(reader, "connect") : undefined;
  const clientId = reader.text("client identifier");
  const will = (flags & WILL) !== 0 ? readWill(reader, flags, protocolVersion) : undefined;
  // In MQTT 3.1 the Remaining Length wins over these two flags: what they announce may be missing.
  const isPresent = (flag: number): boolean => (flags & flag) !== 0 && (protocolVersion !== 3 || reader.remaining > 0);
  const username = isPresent(USERNAME) ? reader.text("user name") : undefined;
  const password = isPresent(PASSWORD) ? reader.binary() : undefined;
  reader.finish();
  return {
    type: "connect",
    protocolVersion,
    clientId,
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAlive,
    username,
    password,
    will,
    properties,
    isBridge,
  };
}

/**
 * The protocol version that the body of a CONNECT begins with; undefined when it is none. It says how to answer a
 * CONNECT that `decodePacket` refused.
 */
export function peekProtocolVersion(bytes: Uint8Array, bodyStart: number, end: number): ProtocolVersion | undefined {
  try {
    return readProtocol(new PacketReader(bytes, bodyStart, end)).protocolVersion;
  } catch {
    return undefined;
  }
}

const PROTOCOL_VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];
const PROTOCOL_NAMES: Readonly<Record<ProtocolVersion, string>> = { 3: "MQIsdp", 4: "MQTT", 5: "MQTT" };

function readProtocol(reader: PacketReader): { protocolVersion: ProtocolVersion; isBridge: true | undefined } {
  const name = reader.text("protocol name");
  const level = reader.uint8();
  // MQTT 5.0 has options for what a bridge needs, so its level has no such bit.
  const isBridge = level === (BRIDGE | 3) || level === (BRIDGE | 4) ? true : undefined;
  const protocolVersion = PROTOCOL_VERSIONS.find((version) => version === (isBridge ? level & ~BRIDGE : level));
  if (protocolVersion === undefined || name !== PROTOCOL_NAMES[protocolVersion]) {
    // [MQTT-3.1.2-1] [MQTT-3.1.2-2]
    throw new MqttProtocolError(
      ReasonCode.unsupportedProtocolVersion,
      `protocol ${JSON.stringify(name)} level ${level} is none of MQIsdp 3, MQTT 4, MQTT 5`,
    );
  }
  return { protocolVersion, isBridge };
}

function checkFlags(flags: number, protocolVersion: ProtocolVersion): void {
  if ((flags & WILL) !== 0 && (flags & WILL_QOS) === WILL_QOS) throw malformedPacket("will QoS 3"); // [MQTT-3.1.2-12]
  // [MQTT-3.1.2-22] of MQTT 3.1.1, and 3.1 of MQTT 3.1; MQTT 5.0 allows it.
  if (protocolVersion !== 5 && (flags & (USERNAME | PASSWORD)) === PASSWORD) {
    throw protocolError("a password without a user name");
  }
  // MQTT 3.1 leaves bits that mean nothing alone.
  if (protocolVersion === 3) return;
  if ((flags & RESERVED) !== 0) throw malformedPacket("the reserved connect flag is set"); // [MQTT-3.1.2-3]
  if ((flags & WILL) === 0 && (flags & (WILL_QOS | WILL_RETAIN)) !== 0) {
    throw malformedPacket("will QoS or will retain without a will"); // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
  }
}

function readWill(reader: PacketReader, flags: number, protocolVersion: ProtocolVersion): Will {
  const properties = protocolVersion === 5 ? readProperties(reader, "will") : undefined;
  const topic = parseTopicNameBytes(reader.binary());
  const payload = reader.binary();
  // Not 3: checkFlags has refused it.
  const qos = ((flags & WILL_QOS) >> WILL_QOS_SHIFT) as QoS;
  return { topic, payload, qos, retain: (flags & WILL_RETAIN) !== 0, properties };
}

export function encodeConnect(packet: ConnectPacket): Uint8Array {
  const { protocolVersion, will, username, password } = packet;
  checkOneOf("protocolVersion", protocolVersion, PROTOCOL_VERSIONS);
  checkInteger("keepAlive", packet.keepAlive, 0, 0xffff);
  if (packet.isBridge && protocolVersion === 5) throw new RangeError("isBridge is not for protocolVersion 5");
  if (protocolVersion !== 5 && password !== undefined && username === undefined) {
    throw new TypeError("password needs username before MQTT 5.0"); // [MQTT-3.1.2-22] of MQTT 3.1.1
  }
  const writer = new PacketWriter(64)
    .text("protocol name", PROTOCOL_NAMES[protocolVersion])
    .uint8(packet.isBridge ? protocolVersion | BRIDGE : protocolVersion)
    .uint8(connectFlags(packet))
    .uint16(packet.keepAlive);
  if (protocolVersion === 5) writeProperties(writer, packet.properties, "connect");
  writer.text("clientId", packet.clientId);
  if (will !== undefined) {
    if (protocolVersion === 5) writeProperties(writer, will.properties, "will");
    writer.text("will.topic", parseTopicName(will.topic)).binary("will.payload", will.payload);
  }
  if (username !== undefined) writer.text("username", username);
  if (password !== undefined) writer.binary("password", password);
  return writer.frame(FirstByte.connect);
}

function connectFlags({ cleanStart, will, username, password }: ConnectPacket): number {
  let flags = cleanStart ? CLEAN_START : 0;
  if (will !== undefined) {
    checkOneOf("will.qos", will.qos, [0, 1, 2]);
    flags |= WILL | (will.qos << WILL_QOS_SHIFT) | (will.retain ? WILL_RETAIN : 0);
  }
  if (username !== undefined) flags |= USERNAME;
  if (password !== undefined) flags |= PASSWORD;
  return flags;
}
