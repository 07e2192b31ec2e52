import { fromHex } from "@isthmus/bytes";

import type { ProtocolVersion } from "../../src/codec/packets.js";
import { CONNACK_CASES, CONNECT_CASES } from "./cases/connect-cases.js";
import { CONNECTION_CASES } from "./cases/connection-cases.js";
import type { PacketCase } from "./cases/packet-case.js";
import { ACKNOWLEDGEMENT_CASES, PUBLISH_CASES } from "./cases/publish-cases.js";
import { SUBSCRIPTION_CASES } from "./cases/subscription-cases.js";

export type { PacketCase } from "./cases/packet-case.js";

/** Every packet in every version, with what is special about it. */
export const PACKET_CASES: readonly PacketCase[] = [
  ...CONNECT_CASES,
  ...CONNACK_CASES,
  ...PUBLISH_CASES,
  ...ACKNOWLEDGEMENT_CASES,
  ...SUBSCRIPTION_CASES,
  ...CONNECTION_CASES,
];

/** The bytes of all cases of one version. */
export function caseFrames(version: ProtocolVersion): Uint8Array[] {
  return framesOf(PACKET_CASES, version);
}

/** The bytes of the CONNECTs of one version. */
export function connectFrames(version: ProtocolVersion): Uint8Array[] {
  return framesOf(CONNECT_CASES, version);
}

function framesOf(cases: readonly PacketCase[], version: ProtocolVersion): Uint8Array[] {
  return cases.filter(({ versions }) => versions.includes(version)).map(({ hex }) => fromHex(hex));
}
