import { byteAt, readUint16 } from "@isthmus/bytes";
import { decodeBeacon } from "../wire/mac/beacon.js";
import { decodeCommand } from "../wire/mac/command.js";
import { FCS_LENGTH, hasValidFcs } from "../wire/mac/fcs.js";
import { decodeFrame, type MacFrame } from "../wire/mac/frame.js";
import { formatLinkAddress, isBroadcast } from "../wire/mac/link-address.js";
import { isEncrypted, micLength, type SecurityHeader } from "../wire/mac/security-header.js";
import { describeFields } from "./describe-fields.js";
import { formatNumber, formatOctets, type Layer, LayerBuilder } from "./layer.js";

const VERSION_NAMES = ["2003", "2006", "2015"] as const;

/** A MAC frame in words. */
export interface DissectedFrame {
  readonly frame: MacFrame;
  /** The MAC header, and what a beacon or a command carries. */
  readonly header: readonly Layer[];
  /** The check sequence, if there is one. */
  readonly fcs: readonly Layer[];
  /** Where the payload stands in the PSDU. */
  readonly payloadAt: number;
}

/** Takes the MAC frame in `psdu` apart. A wrong check sequence is said, and nothing else. @throws WireError. */
export function dissectMac(psdu: Uint8Array, hasFcs: boolean): DissectedFrame {
  const frame = decodeFrame(psdu, { fcs: hasFcs ? "unchecked" : "absent" });
  const payloadEnd = psdu.length - (hasFcs ? FCS_LENGTH : 0);
  const payloadAt = payloadEnd - frame.payload.length;
  const header = [dissectHeader(psdu, frame, payloadAt)];
  const content = dissectContent(frame, payloadAt, payloadEnd);
  if (content !== undefined) header.push(content);
  return { frame, header, fcs: hasFcs ? [dissectFcs(psdu)] : [], payloadAt };
}

function dissectHeader(psdu: Uint8Array, frame: MacFrame, payloadAt: number): Layer {
  const layer = new LayerBuilder(`IEEE 802.15.4 ${frame.type}`, 0);
  const control = byteAt(psdu, 0) | (byteAt(psdu, 1) << 8);
  layer.take(2, "frame control", `0x${control.toString(16).padStart(4, "0")}: ${describeControl(frame)}`);
  if (frame.sequenceNumber !== undefined) layer.take(1, "sequence number", String(frame.sequenceNumber));
  if (frame.destinationPanId !== undefined) layer.take(2, "destination PAN", formatPan(frame.destinationPanId));
  if (frame.destination !== undefined) {
    const address = formatLinkAddress(frame.destination);
    layer.take(frame.destination.length, "destination", isBroadcast(frame.destination) ? `${address}, all` : address);
  }
  if (frame.sourcePanId !== undefined) layer.take(2, "source PAN", formatPan(frame.sourcePanId));
  if (frame.source !== undefined) layer.take(frame.source.length, "source", formatLinkAddress(frame.source));
  if (frame.security !== undefined) takeSecurity(layer, frame.security);
  for (const { elementId, content } of frame.headerIes ?? []) {
    layer.take(2 + content.length, `information element 0x${elementId.toString(16)}`, formatOctets(content));
  }
  if (layer.at < payloadAt) layer.take(payloadAt - layer.at, "termination", "the element list ends");
  return layer.build();
}

function describeControl({ version, isAckRequested, isFramePending, security }: MacFrame): string {
  return [
    `version ${VERSION_NAMES[version]}`,
    isAckRequested ? "acknowledgement wanted" : "no acknowledgement wanted",
    ...(isFramePending ? ["more is pending"] : []),
    ...(security === undefined ? [] : ["secured"]),
  ].join(", ");
}

function takeSecurity(layer: LayerBuilder, { level, frameCounter, keySource, keyIndex }: SecurityHeader): void {
  const protection = [
    ...(isEncrypted(level) ? ["encrypted"] : []),
    ...(micLength(level) > 0 ? [`integrity code of ${micLength(level)} octets`] : []),
  ];
  layer.take(1, "security", `level ${level}: ${protection.join(", ") || "nothing"}`);
  if (frameCounter !== undefined) layer.take(4, "frame counter", String(frameCounter));
  if (keySource !== undefined) layer.take(keySource.length, "key source", formatOctets(keySource));
  if (keyIndex !== undefined) layer.take(1, "key index", String(keyIndex));
}

/** What beacons and commands carry; data is another layer's. */
function dissectContent(frame: MacFrame, at: number, end: number): Layer | undefined {
  if (frame.security !== undefined || frame.hasPayloadIes) return undefined;
  if (frame.type === "command") return describeFields("MAC command", decodeCommand(frame.payload), at, end);
  if (frame.type === "beacon" && frame.version !== 2)
    return describeFields("beacon", decodeBeacon(frame.payload), at, end);
  return undefined;
}

function dissectFcs(psdu: Uint8Array): Layer {
  const at = psdu.length - FCS_LENGTH;
  const value = formatNumber(readUint16(psdu, at), 2);
  return new LayerBuilder("frame check sequence", at)
    .take(FCS_LENGTH, "CRC-16", hasValidFcs(psdu) ? `${value}, right` : `${value}, WRONG`)
    .build();
}

function formatPan(panId: number): string {
  return panId === 0xffff ? "0xffff, any" : `0x${panId.toString(16).padStart(4, "0")}`;
}
