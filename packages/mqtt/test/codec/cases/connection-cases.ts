import type { AuthPacket, DisconnectPacket } from "../../../src/codec/packets.js";
import { ALL, type PacketCase, V5 } from "./packet-case.js";

const disconnect = (fields: Partial<DisconnectPacket>): DisconnectPacket => ({
  type: "disconnect",
  reasonCode: 0,
  properties: undefined,
  ...fields,
});

const auth = (fields: Partial<AuthPacket>): AuthPacket => ({
  type: "auth",
  reasonCode: 0,
  properties: undefined,
  ...fields,
});

/** What keeps and ends a connection. */
export const CONNECTION_CASES: readonly PacketCase[] = [
  { title: "PINGREQ", clause: "3.12", versions: ALL, hex: "c0 00", packet: { type: "pingreq" } },
  { title: "PINGRESP", clause: "3.13", versions: ALL, hex: "d0 00", packet: { type: "pingresp" } },
  {
    title: "PINGREQ of MQTT 3.1 does not use its flags",
    clause: "3.12 of MQTT 3.1",
    versions: [3],
    hex: "c5 00",
    packet: { type: "pingreq" },
    isOneWay: true,
  },
  {
    title: "DISCONNECT that is normal has no variable header",
    clause: "3.14.2.1",
    versions: ALL,
    hex: "e0 00",
    packet: disconnect({ reasonCode: 0 }),
  },
  {
    title: "DISCONNECT with a reason code leaves out the property length",
    clause: "3.14.2.2.1",
    versions: V5,
    hex: "e0 01 04",
    packet: disconnect({ reasonCode: 4 }),
  },
  {
    title: "DISCONNECT with every property",
    clause: "3.14.2.2",
    versions: V5,
    hex: "e0 17 9d 15  11 00000000  1f 0001 6d  1c 0001 73  26 0002 6b6b 0001 76",
    packet: disconnect({
      reasonCode: 0x9d,
      properties: {
        sessionExpiryInterval: 0,
        reasonString: "m",
        serverReference: "s",
        userProperties: [["kk", "v"]],
      },
    }),
  },
  {
    title: "AUTH of a success may be empty",
    clause: "3.15.2.1",
    versions: V5,
    hex: "f0 00",
    packet: auth({ reasonCode: 0 }),
  },
  {
    title: "AUTH that continues",
    clause: "3.15",
    versions: V5,
    hex: "f0 0c 18 0a  15 0001 6d  16 0003 010203",
    packet: auth({
      reasonCode: 0x18,
      properties: { authenticationMethod: "m", authenticationData: Uint8Array.of(1, 2, 3) },
    }),
  },
];
