import { byteAt } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import { addressingModeOf, panIdCompression, panIdPresence } from "./addressing.js";
import { FCS_LENGTH, frameCheckSequence, hasValidFcs } from "./fcs.js";
import {
  type AddressingMode,
  decodeFrameControl,
  encodeFrameControl,
  type FrameType,
  type FrameVersion,
} from "./frame-control.js";
import { decodeHeaderIes, encodeHeaderIes, type HeaderIe, headerIesLength } from "./information-element.js";
import type { LinkAddress } from "./link-address.js";
import {
  decodeSecurityHeader,
  encodeSecurityHeader,
  type SecurityHeader,
  securityHeaderLength,
} from "./security-header.js";

/** The most octets that a frame may have with its check sequence (aMaxPhyPacketSize, 2015 11.3). */
export const MAX_FRAME_LENGTH = 127;

/**
 * A MAC frame (IEEE 802.15.4-2015 7.2), fields least significant octet first on the air:
 *
 * ```text
 * +---------+--------+------------+----------+----------+-----------+-----+
 * | Frame   | Seq.   | Addressing | Security | Header   | Payload   | FCS |
 * | control | number | fields     | header   | elements |           |     |
 * |    2    | 0 or 1 |  0 to 20   | 0 to 14  | variable | variable  |  2  |
 * +---------+--------+------------+----------+----------+-----------+-----+
 * ```
 *
 * What is absent on the air is undefined: a source PAN elided because it equals the destination's stays elided.
 */
export interface MacFrame {
  readonly type: FrameType;
  readonly version: FrameVersion;
  readonly isFramePending: boolean;
  readonly isAckRequested: boolean;
  readonly sequenceNumber: number | undefined;
  readonly destinationPanId: number | undefined;
  readonly destination: LinkAddress | undefined;
  readonly sourcePanId: number | undefined;
  readonly source: LinkAddress | undefined;
  /** Present in a frame that is, or was until it was opened, secured. */
  readonly security: SecurityHeader | undefined;
  /** Undefined when the frame has no element list at all. */
  readonly headerIes: readonly HeaderIe[] | undefined;
  /** Whether `payload` begins with payload information elements. */
  readonly hasPayloadIes: boolean;
  /** All after the header: of a secured frame, the open payload, the ciphertext and the MIC. */
  readonly payload: Uint8Array;
}

/** How {@link decodeFrame} treats the check sequence. */
export interface DecodeFrameOptions {
  /**
   * `checked` (default): there and right. `unchecked`: there, whatever it says (RIOT before 2026.07 sends a wrong
   * one). `absent`: the capture or the radio has taken it off.
   */
  readonly fcs?: "checked" | "unchecked" | "absent";
}

/** The frame in `psdu`; addresses are copies, payload and elements are views. @throws WireError. */
export function decodeFrame(psdu: Uint8Array, options: DecodeFrameOptions = {}): MacFrame {
  const fcs = options.fcs ?? "checked";
  const end = fcs === "absent" ? psdu.length : psdu.length - FCS_LENGTH;
  if (end + FCS_LENGTH > MAX_FRAME_LENGTH) throw new WireError("frame-length", `a frame of ${psdu.length} octets`);
  requireBytes(0, 2, end, "the frame control field");
  if (fcs === "checked" && !hasValidFcs(psdu)) throw new WireError("fcs");
  return decodeFields(psdu, end);
}

function decodeFields(psdu: Uint8Array, end: number): MacFrame {
  const control = decodeFrameControl(byteAt(psdu, 0) | (byteAt(psdu, 1) << 8));
  const { version, destinationMode, sourceMode } = control;
  const pans = panIdPresence(version, control.isPanIdCompressed, destinationMode, sourceMode);
  const sequenceLength = control.isSequenceNumberSuppressed ? 0 : 1;
  const destinationPanAt = 2 + sequenceLength;
  const destinationAt = destinationPanAt + (pans.destination ? 2 : 0);
  const sourcePanAt = destinationAt + addressLength(destinationMode);
  const sourceAt = sourcePanAt + (pans.source ? 2 : 0);
  let at = sourceAt + addressLength(sourceMode);
  requireBytes(0, at, end, "the MAC header");
  let security: SecurityHeader | undefined;
  if (control.isSecured) {
    if (version === 0) throw new WireError("security", "the security suites of the 2003 version are not handled");
    security = decodeSecurityHeader(psdu, at, end);
    at += securityHeaderLength(security);
  }
  const ies = control.hasInformationElements ? decodeHeaderIes(psdu, at, end) : undefined;
  return {
    type: control.type,
    version,
    isFramePending: control.isFramePending,
    isAckRequested: control.isAckRequested,
    sequenceNumber: sequenceLength === 0 ? undefined : byteAt(psdu, 2),
    destinationPanId: pans.destination ? littleEndian16(psdu, destinationPanAt) : undefined,
    destination: readAddress(psdu, destinationAt, destinationMode),
    sourcePanId: pans.source ? littleEndian16(psdu, sourcePanAt) : undefined,
    source: readAddress(psdu, sourceAt, sourceMode),
    security,
    headerIes: ies?.elements,
    hasPayloadIes: ies?.hasPayloadIes ?? false,
    payload: psdu.subarray(ies?.end ?? at, end),
  };
}

/** Octets of all that stands before the payload. @throws RangeError when the frame contradicts itself. */
export function macHeaderLength(frame: MacFrame): number {
  return (
    2 +
    (frame.sequenceNumber === undefined ? 0 : 1) +
    (frame.destinationPanId === undefined ? 0 : 2) +
    (frame.destination?.length ?? 0) +
    (frame.sourcePanId === undefined ? 0 : 2) +
    (frame.source?.length ?? 0) +
    (frame.security === undefined ? 0 : securityHeaderLength(frame.security)) +
    (frame.headerIes === undefined
      ? 0
      : headerIesLength(frame.headerIes, frame.hasPayloadIes, frame.payload.length > 0))
  );
}

/**
 * The octets of `frame`, with its check sequence unless `fcs` is `absent`.
 *
 * @throws RangeError when the frame contradicts itself or is longer than {@link MAX_FRAME_LENGTH}.
 */
export function encodeFrame(frame: MacFrame, options: { readonly fcs?: "present" | "absent" } = {}): Uint8Array {
  const end = macHeaderLength(frame) + frame.payload.length;
  if (end + FCS_LENGTH > MAX_FRAME_LENGTH) {
    throw new RangeError(`a frame of ${end + FCS_LENGTH} octets exceeds ${MAX_FRAME_LENGTH}`);
  }
  const hasFcs = options.fcs !== "absent";
  const psdu = new Uint8Array(hasFcs ? end + FCS_LENGTH : end);
  psdu.set(frame.payload, encodeMacHeader(frame, psdu));
  if (hasFcs) writeLittleEndian16(psdu, end, frameCheckSequence(psdu, 0, end));
  return psdu;
}

/** Writes all that stands before the payload at the beginning of `out`; returns where it ends. */
export function encodeMacHeader(frame: MacFrame, out: Uint8Array): number {
  writeLittleEndian16(out, 0, frameControlOf(frame));
  let at = 2;
  if (frame.sequenceNumber !== undefined) out[at++] = frame.sequenceNumber;
  if (frame.destinationPanId !== undefined) at = writeLittleEndian16(out, at, frame.destinationPanId);
  if (frame.destination !== undefined) at = writeAddress(out, at, frame.destination);
  if (frame.sourcePanId !== undefined) at = writeLittleEndian16(out, at, frame.sourcePanId);
  if (frame.source !== undefined) at = writeAddress(out, at, frame.source);
  if (frame.security !== undefined) at = encodeSecurityHeader(frame.security, out, at);
  if (frame.headerIes === undefined) return at;
  return encodeHeaderIes(frame.headerIes, frame.hasPayloadIes, frame.payload.length > 0, out, at);
}

function frameControlOf(frame: MacFrame): number {
  const destinationMode = addressingModeOf(frame.destination);
  const sourceMode = addressingModeOf(frame.source);
  if (frame.version !== 2) requireOldFields(frame);
  return encodeFrameControl({
    type: frame.type,
    isSecured: frame.security !== undefined,
    isFramePending: frame.isFramePending,
    isAckRequested: frame.isAckRequested,
    isPanIdCompressed: panIdCompression(frame.version, destinationMode, sourceMode, {
      destination: frame.destinationPanId !== undefined,
      source: frame.sourcePanId !== undefined,
    }),
    isSequenceNumberSuppressed: frame.sequenceNumber === undefined,
    hasInformationElements: frame.headerIes !== undefined,
    destinationMode,
    version: frame.version,
    sourceMode,
  });
}

function requireOldFields(frame: MacFrame): void {
  if (frame.sequenceNumber === undefined || frame.headerIes !== undefined) {
    throw new RangeError("only 2015 frames have information elements or lack a sequence number");
  }
  if (frame.version === 0 && frame.security !== undefined) throw new RangeError("2003 frames are not secured here");
}

/** A frame with these fields and no others; version 2006 unless said otherwise. */
export function macFrame(fields: Pick<MacFrame, "type"> & Partial<MacFrame>): MacFrame {
  return {
    type: fields.type,
    version: fields.version ?? 1,
    isFramePending: fields.isFramePending ?? false,
    isAckRequested: fields.isAckRequested ?? false,
    sequenceNumber: fields.sequenceNumber,
    destinationPanId: fields.destinationPanId,
    destination: fields.destination,
    sourcePanId: fields.sourcePanId,
    source: fields.source,
    security: fields.security,
    headerIes: fields.headerIes,
    hasPayloadIes: fields.hasPayloadIes ?? false,
    payload: fields.payload ?? new Uint8Array(0),
  };
}

/** The immediate acknowledgement of a frame with this sequence number: 5 octets with its check sequence. */
export function acknowledgement(sequenceNumber: number, isFramePending = false): MacFrame {
  return macFrame({ type: "acknowledgement", version: 0, sequenceNumber, isFramePending });
}

function addressLength(mode: AddressingMode): number {
  return mode === 0 ? 0 : mode === 2 ? 2 : 8;
}

function readAddress(psdu: Uint8Array, at: number, mode: AddressingMode): LinkAddress | undefined {
  const length = addressLength(mode);
  if (length === 0) return undefined;
  const address = new Uint8Array(length);
  for (let i = 0; i < length; i++) address[length - 1 - i] = byteAt(psdu, at + i);
  return address;
}

function writeAddress(out: Uint8Array, at: number, address: LinkAddress): number {
  for (let i = address.length - 1; i >= 0; i--) out[at++] = byteAt(address, i);
  return at;
}

function littleEndian16(bytes: Uint8Array, at: number): number {
  return byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8);
}

function writeLittleEndian16(out: Uint8Array, at: number, value: number): number {
  out[at] = value;
  out[at + 1] = value >>> 8;
  return at + 2;
}
