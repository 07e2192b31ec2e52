import type { PublishPacket } from "../../../src/codec/packets.js";
import { ALL, ascii, BEFORE_5, type PacketCase, V5 } from "./packet-case.js";

const publish = (fields: Partial<PublishPacket>): PublishPacket => ({
  type: "publish",
  topic: "",
  payload: new Uint8Array(0),
  qos: 0,
  retain: false,
  dup: false,
  packetIdentifier: undefined,
  properties: undefined,
  ...fields,
});

export const PUBLISH_CASES: readonly PacketCase[] = [
  {
    title: "PUBLISH with QoS 0 has no packet identifier",
    clause: "MQTT-2.2.1-2, MQTT-2.3.1-5 of MQTT 3.1.1",
    versions: BEFORE_5,
    hex: "30 07  0003 612f62  6869",
    packet: publish({ topic: "a/b", payload: ascii("hi") }),
  },
  {
    title: "PUBLISH with QoS 1, retained, sent again, without payload",
    clause: "3.3.1",
    versions: BEFORE_5,
    hex: "3b 07  0003 612f62  000a",
    packet: publish({
      topic: "a/b",
      qos: 1,
      retain: true,
      dup: true,
      packetIdentifier: 10,
    }),
  },
  {
    title: "PUBLISH whose topic holds U+FEFF and a character beyond the basic plane",
    clause: "MQTT-1.5.4-3, MQTT-1.5.3-3 of MQTT 3.1.1",
    versions: BEFORE_5,
    hex: "34 0b  0007 efbbbf f09f8c89  ffff",
    packet: publish({
      topic: "\u{feff}\u{1f309}",
      qos: 2,
      packetIdentifier: 65_535,
    }),
  },
  {
    title: "PUBLISH to a topic with $, spaces and empty levels",
    clause: "4.7.3",
    versions: BEFORE_5,
    hex: "30 07  0005 24 2f 20 2f 2f",
    packet: publish({ topic: "$/ //" }),
  },
  {
    title: "PUBLISH of MQTT 5.0 without properties says so with a length of 0",
    clause: "MQTT-2.2.2-1",
    versions: V5,
    hex: "32 08  0001 74  0001  00  78 79",
    packet: publish({
      topic: "t",
      payload: ascii("xy"),
      qos: 1,
      packetIdentifier: 1,
    }),
  },
  {
    title: "PUBLISH with a topic alias in place of the topic",
    clause: "3.3.2.3.4",
    versions: V5,
    hex: "30 07  0000  03 23 0001  2a",
    packet: publish({
      topic: "",
      payload: ascii("*"),
      properties: { topicAlias: 1 },
    }),
  },
  {
    title: "PUBLISH with every property, subscription identifiers and user properties repeated",
    clause: "3.3.2.3",
    versions: V5,
    hex: `3d 3b  0001 74  0203
      33  01 00  02 ffffffff  23 ffff  08 0001 72  09 0003 000102  26 0002 6b31 0002 7631  26 0002 6b32 0002 7632
      0b 01  0b ffffff7f  0b 8001  03 0000
      00 01`,
    packet: publish({
      topic: "t",
      payload: Uint8Array.of(0, 1),
      qos: 2,
      retain: true,
      dup: true,
      packetIdentifier: 0x0203,
      properties: {
        payloadFormatIndicator: false,
        messageExpiryInterval: 0xffff_ffff,
        topicAlias: 65_535,
        responseTopic: "r",
        correlationData: Uint8Array.of(0, 1, 2),
        userProperties: [
          ["k1", "v1"],
          ["k2", "v2"],
        ],
        subscriptionIdentifiers: [1, 268_435_455, 128],
        contentType: "",
      },
    }),
  },
];

export const ACKNOWLEDGEMENT_CASES: readonly PacketCase[] = (
  ["puback", "pubrec", "pubrel", "pubcomp"] as const
).flatMap((type, i): PacketCase[] => {
  const firstByte = ["40", "50", "62", "70"][i];
  const failure = type === "puback" || type === "pubrec" ? 0x97 : 0x92;
  const failureHex = failure.toString(16);
  const clause = `3.${4 + i}`;
  const name = type.toUpperCase();
  return [
    {
      title: `${name} of a success is two bytes long`,
      clause: `${clause}.2.1`,
      versions: ALL,
      hex: `${firstByte} 02 1234`,
      packet: { type, packetIdentifier: 0x1234, reasonCode: 0, properties: undefined },
    },
    {
      title: `${name} with a reason code leaves out the property length`,
      clause: `${clause}.2.2.1`,
      versions: V5,
      hex: `${firstByte} 03 0001 ${failureHex}`,
      packet: { type, packetIdentifier: 1, reasonCode: failure, properties: undefined },
    },
    {
      title: `${name} may say success and no properties`,
      clause: `${clause}.2`,
      versions: V5,
      hex: `${firstByte} 04 0001 00 00`,
      packet: { type, packetIdentifier: 1, reasonCode: 0, properties: undefined },
      isOneWay: true,
    },
    {
      title: `${name} with properties`,
      clause: `${clause}.2.2`,
      versions: V5,
      hex: `${firstByte} 10 ffff ${failureHex} 0c  1f 0002 6e6f  26 0001 61 0001 62`,
      packet: {
        type,
        packetIdentifier: 65_535,
        reasonCode: failure,
        properties: { reasonString: "no", userProperties: [["a", "b"]] },
      },
    },
  ];
});
