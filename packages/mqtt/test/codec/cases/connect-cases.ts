import type { ConnackPacket, ConnectPacket } from "../../../src/codec/packets.js";
import { ascii, BEFORE_5, type PacketCase, V5 } from "./packet-case.js";

const connect = (fields: Partial<ConnectPacket>): ConnectPacket => ({
  type: "connect",
  protocolVersion: 5,
  clientId: "",
  cleanStart: true,
  keepAlive: 60,
  username: undefined,
  password: undefined,
  will: undefined,
  properties: undefined,
  isBridge: undefined,
  ...fields,
});

const connack = (fields: Partial<ConnackPacket>): ConnackPacket => ({
  type: "connack",
  sessionPresent: false,
  reasonCode: 0,
  properties: undefined,
  ...fields,
});

export const CONNECT_CASES: readonly PacketCase[] = [
  {
    title: "CONNECT of MQTT 3.1 names the protocol MQIsdp",
    clause: "3.1 of MQTT 3.1",
    versions: [3],
    hex: "10 11  0006 4d5149736470 03 02 003c  0003 616263",
    packet: connect({
      protocolVersion: 3,
      clientId: "abc",
      cleanStart: true,
      keepAlive: 60,
    }),
  },
  {
    title: "CONNECT of MQTT 3.1 whose user name flag is set but whose user name is missing",
    clause: "3.1 of MQTT 3.1, User name flag",
    versions: [3],
    hex: "10 11  0006 4d5149736470 03 c2 003c  0003 616263",
    packet: connect({
      protocolVersion: 3,
      clientId: "abc",
      cleanStart: true,
      keepAlive: 60,
    }),
    isOneWay: true,
  },
  {
    title: "CONNECT of MQTT 3.1 with bits set that mean nothing without a will",
    clause: "3.1 of MQTT 3.1",
    versions: [3],
    hex: "10 0f  0006 4d5149736470 03 3b 0000  0001 61",
    packet: connect({
      protocolVersion: 3,
      clientId: "a",
      cleanStart: true,
      keepAlive: 0,
    }),
    isOneWay: true,
  },
  {
    title: "CONNECT with everything that MQTT 3.1.1 has",
    clause: "MQTT-3.1.3-1 of MQTT 3.1.1",
    versions: [4],
    hex: "10 21  0004 4d515454 04 ee 000a  0002 6964  0003 772f74  0004 676f6e65  0001 75  0003 00ff80",
    packet: connect({
      protocolVersion: 4,
      clientId: "id",
      cleanStart: true,
      keepAlive: 10,
      username: "u",
      password: Uint8Array.of(0, 255, 128),
      will: { topic: "w/t", payload: ascii("gone"), qos: 1, retain: true, properties: undefined },
    }),
  },
  {
    title: "CONNECT of MQTT 3.1.1 without a client identifier, the session kept",
    clause: "3.1.3.1 of MQTT 3.1.1: the server answers it",
    versions: [4],
    hex: "10 0c  0004 4d515454 04 00 ffff  0000",
    packet: connect({
      protocolVersion: 4,
      clientId: "",
      cleanStart: false,
      keepAlive: 65_535,
    }),
  },
  {
    title: "CONNECT of a bridge sets bit 7 of protocol level 4",
    clause: "convention of bridges",
    versions: [4],
    hex: "10 0d  0004 4d515454 84 02 003c  0001 62",
    packet: connect({
      protocolVersion: 4,
      clientId: "b",
      cleanStart: true,
      keepAlive: 60,
      isBridge: true,
    }),
  },
  {
    title: "CONNECT of a bridge sets bit 7 of protocol level 3",
    clause: "convention of bridges",
    versions: [3],
    hex: "10 0f  0006 4d5149736470 83 02 003c  0001 62",
    packet: connect({
      protocolVersion: 3,
      clientId: "b",
      cleanStart: true,
      keepAlive: 60,
      isBridge: true,
    }),
  },
  {
    title: "CONNECT of MQTT 5.0 with the least",
    clause: "3.1",
    versions: V5,
    hex: "10 0d  0004 4d515454 05 00 0000  00  0000",
    packet: connect({
      protocolVersion: 5,
      clientId: "",
      cleanStart: false,
      keepAlive: 0,
    }),
  },
  {
    title: "CONNECT of MQTT 5.0 with a password and no user name",
    clause: "3.1.2.9",
    versions: V5,
    hex: "10 11  0004 4d515454 05 42 0000  00  0000  0002 7077",
    packet: connect({
      protocolVersion: 5,
      clientId: "",
      cleanStart: true,
      keepAlive: 0,
      password: ascii("pw"),
    }),
  },
  {
    title: "CONNECT with every property, and a will with every property",
    clause: "MQTT-3.1.3-1",
    versions: V5,
    hex: `10 68  0004 4d515454 05 d6 003c
      2a  11 00000e10  21 0014  27 00010000  22 000a  19 01  17 00  26 0001 6b 0001 76  26 0001 6b 0000  15 0001 6d  16 0002 0102
      0001 63
      24  18 00000005  01 01  02 0000003c  03 0004 74657874  08 0003 722f74  09 0001 07  26 0001 61 0001 62
      0001 77  0000
      0001 75  0001 70`,
    packet: connect({
      protocolVersion: 5,
      clientId: "c",
      cleanStart: true,
      keepAlive: 60,
      username: "u",
      password: ascii("p"),
      will: {
        topic: "w",
        payload: new Uint8Array(0),
        qos: 2,
        retain: false,
        properties: {
          willDelayInterval: 5,
          payloadFormatIndicator: true,
          messageExpiryInterval: 60,
          contentType: "text",
          responseTopic: "r/t",
          correlationData: Uint8Array.of(7),
          userProperties: [["a", "b"]],
        },
      },
      properties: {
        sessionExpiryInterval: 3600,
        receiveMaximum: 20,
        maximumPacketSize: 65_536,
        topicAliasMaximum: 10,
        requestResponseInformation: true,
        requestProblemInformation: false,
        userProperties: [
          ["k", "v"],
          ["k", ""],
        ],
        authenticationMethod: "m",
        authenticationData: Uint8Array.of(1, 2),
      },
    }),
  },
];

export const CONNACK_CASES: readonly PacketCase[] = [
  {
    title: "CONNACK accepts",
    clause: "3.2 of MQTT 3.1.1",
    versions: BEFORE_5,
    hex: "20 02 00 00",
    packet: connack({ sessionPresent: false, reasonCode: 0 }),
  },
  {
    title: "CONNACK has a session",
    clause: "MQTT-3.2.2-2 of MQTT 3.1.1",
    versions: [4],
    hex: "20 02 01 00",
    packet: connack({ sessionPresent: true, reasonCode: 0 }),
  },
  {
    title: "CONNACK of MQTT 3.1 does not look at its reserved byte",
    clause: "3.2 of MQTT 3.1",
    versions: [3],
    hex: "20 02 01 00",
    packet: connack({ sessionPresent: false, reasonCode: 0 }),
    isOneWay: true,
  },
  {
    title: "CONNACK refuses with return code 5",
    clause: "3.2.2.3 of MQTT 3.1.1",
    versions: BEFORE_5,
    hex: "20 02 00 05",
    packet: connack({ sessionPresent: false, reasonCode: 5 }),
  },
  {
    title: "CONNACK of MQTT 5.0 without properties",
    clause: "3.2",
    versions: V5,
    hex: "20 03 01 00 00",
    packet: connack({ sessionPresent: true, reasonCode: 0 }),
  },
  {
    title: "CONNACK refuses as not authorized",
    clause: "3.2.2.2",
    versions: V5,
    hex: "20 09 00 87 06 1f 0003 6e6f21",
    packet: connack({ sessionPresent: false, reasonCode: 0x87, properties: { reasonString: "no!" } }),
  },
  {
    title: "CONNACK with every property",
    clause: "3.2.2.3",
    versions: V5,
    hex: `20 3f 00 00 3c
      11 ffffffff  21 ffff  24 01  25 00  27 00000400  12 0003 616263  22 0000  1f 0002 6f6b  26 0000 0000
      28 00  29 01  2a 00  13 001e  1a 0001 69  1c 0001 73  15 0001 6d  16 0000`,
    packet: connack({
      sessionPresent: false,
      reasonCode: 0,
      properties: {
        sessionExpiryInterval: 0xffff_ffff,
        receiveMaximum: 65_535,
        maximumQoS: 1,
        retainAvailable: false,
        maximumPacketSize: 1024,
        assignedClientIdentifier: "abc",
        topicAliasMaximum: 0,
        reasonString: "ok",
        userProperties: [["", ""]],
        wildcardSubscriptionAvailable: false,
        subscriptionIdentifiersAvailable: true,
        sharedSubscriptionAvailable: false,
        serverKeepAlive: 30,
        responseInformation: "i",
        serverReference: "s",
        authenticationMethod: "m",
        authenticationData: new Uint8Array(0),
      },
    }),
  },
];
