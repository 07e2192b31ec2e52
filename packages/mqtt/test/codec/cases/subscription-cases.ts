import type { SubackPacket, SubscribePacket, UnsubackPacket, UnsubscribePacket } from "../../../src/codec/packets.js";
import { BEFORE_5, type PacketCase, V5 } from "./packet-case.js";

const subscribe = (fields: Partial<SubscribePacket>): SubscribePacket => ({
  type: "subscribe",
  packetIdentifier: 1,
  subscriptions: [],
  properties: undefined,
  ...fields,
});

const suback = (fields: Partial<SubackPacket>): SubackPacket => ({
  type: "suback",
  packetIdentifier: 1,
  reasonCodes: [],
  properties: undefined,
  ...fields,
});

const unsubscribe = (fields: Partial<UnsubscribePacket>): UnsubscribePacket => ({
  type: "unsubscribe",
  packetIdentifier: 1,
  topicFilters: [],
  properties: undefined,
  ...fields,
});

const unsuback = (fields: Partial<UnsubackPacket>): UnsubackPacket => ({
  type: "unsuback",
  packetIdentifier: 1,
  reasonCodes: [],
  properties: undefined,
  ...fields,
});

const plain = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

export const SUBSCRIPTION_CASES: readonly PacketCase[] = [
  {
    title: "SUBSCRIBE before MQTT 5.0 asks for a QoS with each filter",
    clause: "3.8 of MQTT 3.1.1",
    versions: BEFORE_5,
    hex: "82 0e  000a  0003 612f62 01  0003 632f23 02",
    packet: subscribe({
      packetIdentifier: 10,
      subscriptions: [
        { topicFilter: "a/b", qos: 1, ...plain },
        { topicFilter: "c/#", qos: 2, ...plain },
      ],
    }),
  },
  {
    title: "SUBSCRIBE of MQTT 3.1 may be sent again with DUP",
    clause: "3.8 of MQTT 3.1",
    versions: [3],
    hex: "8a 06  0001  0001 61 00",
    packet: subscribe({ packetIdentifier: 1, subscriptions: [{ topicFilter: "a", qos: 0, ...plain }] }),
    isOneWay: true,
  },
  {
    title: "SUBSCRIBE of MQTT 3.1 does not use the other bits beside the QoS",
    clause: "3.8 of MQTT 3.1",
    versions: [3],
    hex: "82 06  0001  0001 61 fd",
    packet: subscribe({ subscriptions: [{ topicFilter: "a", qos: 1, ...plain }] }),
    isOneWay: true,
  },
  {
    title: "SUBSCRIBE of MQTT 5.0 with all options and properties",
    clause: "3.8.2.1, 3.8.3.1",
    versions: V5,
    hex: `82 2a  ffff  0a  0b 80808001  26 0000 0000
      0001 2b 2e  000d 24736861 72652f67 2f612f2b 2f 19  0001 23 00  0002 2f2f 04`,
    packet: subscribe({
      packetIdentifier: 65_535,
      subscriptions: [
        { topicFilter: "+", qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 },
        { topicFilter: "$share/g/a/+/", qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 1 },
        { topicFilter: "#", qos: 0, ...plain },
        { topicFilter: "//", qos: 0, ...plain, noLocal: true },
      ],
      properties: { subscriptionIdentifiers: [0x20_0000], userProperties: [["", ""]] },
    }),
  },
  {
    title: "SUBACK before MQTT 5.0 grants or fails",
    clause: "3.9.3 of MQTT 3.1.1",
    versions: BEFORE_5,
    hex: "90 06  000a  00 01 02 80",
    packet: suback({ packetIdentifier: 10, reasonCodes: [0, 1, 2, 0x80] }),
  },
  {
    title: "SUBACK of MQTT 5.0 with every reason code",
    clause: "3.9.3",
    versions: V5,
    hex: "90 16  0001  07 1f 0004 73686f77  00 01 02 80 83 87 8f 91 97 9e a1 a2",
    packet: suback({
      packetIdentifier: 1,
      reasonCodes: [0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
      properties: { reasonString: "show" },
    }),
  },
  {
    title: "UNSUBSCRIBE before MQTT 5.0",
    clause: "3.10 of MQTT 3.1.1",
    versions: BEFORE_5,
    hex: "a2 0c  000a  0003 612f62  0003 632f64",
    packet: unsubscribe({ packetIdentifier: 10, topicFilters: ["a/b", "c/d"] }),
  },
  {
    title: "UNSUBSCRIBE of MQTT 5.0",
    clause: "3.10",
    versions: V5,
    hex: "a2 0d  000a  07 26 0001 61 0001 62  0001 23",
    packet: unsubscribe({
      packetIdentifier: 10,
      topicFilters: ["#"],
      properties: { userProperties: [["a", "b"]] },
    }),
  },
  {
    title: "UNSUBACK before MQTT 5.0 has no payload",
    clause: "3.11 of MQTT 3.1.1",
    versions: BEFORE_5,
    hex: "b0 02  000a",
    packet: unsuback({ packetIdentifier: 10, reasonCodes: [] }),
  },
  {
    title: "UNSUBACK of MQTT 5.0 with every reason code",
    clause: "3.11.3",
    versions: V5,
    hex: "b0 0a  000a 00  00 11 80 83 87 8f 91",
    packet: unsuback({ packetIdentifier: 10, reasonCodes: [0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91] }),
  },
];
