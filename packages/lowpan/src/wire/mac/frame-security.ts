import { concatBytes } from "@isthmus/bytes";
import { WireError } from "../wire-error.js";
import { decodeBeacon } from "./beacon.js";
import { type CcmStar, counterNonce } from "./ccm-star.js";
import { encodeMacHeader, type MacFrame, macHeaderLength } from "./frame.js";
import type { LinkAddress } from "./link-address.js";
import { isEncrypted, micLength, type SecurityHeader } from "./security-header.js";

/**
 * Secures `frame` (IEEE 802.15.4-2015 9.2.2): the payload is encrypted and a MIC appended as `frame.security` says.
 *
 * @param source the sender's extended address, for the nonce, whatever address the frame carries.
 * @throws RangeError without a security header or frame counter, or at level 0.
 */
export function sealFrame(frame: MacFrame, source: LinkAddress, key: Uint8Array, ccmStar: CcmStar): MacFrame {
  const { header, nonce } = securityOf(frame, source);
  if (header === undefined) throw new RangeError("a frame to be secured needs a security header with a frame counter");
  const mic = micLength(header.level);
  const { authenticated, open, secret } = splitForCcm(frame, header, frame.payload);
  const sealed = ccmStar.seal(key, nonce, authenticated, secret, mic);
  // The MIC-only levels leave the payload in the clear: `sealed` is then the MIC alone.
  return { ...frame, payload: concatBytes([open, sealed]) };
}

/**
 * Opens a secured frame (2015 9.2.4): checks the MIC and decrypts. The result keeps its security header, so that the
 * receiver sees how it was protected. Replay is the receiver's to check: `FrameCounterTable`.
 *
 * @throws WireError `authentication` when the MIC does not match, `security` when the header is not one that secures.
 */
export function openFrame(frame: MacFrame, source: LinkAddress, key: Uint8Array, ccmStar: CcmStar): MacFrame {
  const { header, nonce } = securityOf(frame, source);
  if (header === undefined) throw new WireError("security", "the frame has no security level or no frame counter");
  const mic = micLength(header.level);
  const end = frame.payload.length - mic;
  if (end < openPayloadLength(frame)) throw new WireError("truncated", "the secured payload is shorter than its MIC");
  const { authenticated, open, secret } = splitForCcm(frame, header, frame.payload.subarray(0, end));
  const sealed = concatBytes([secret, frame.payload.subarray(end)]);
  const opened = ccmStar.open(key, nonce, authenticated, sealed, mic);
  if (opened === undefined) throw new WireError("authentication");
  return { ...frame, payload: concatBytes([open, opened]) };
}

function securityOf(frame: MacFrame, source: LinkAddress): { header: SecurityHeader | undefined; nonce: Uint8Array } {
  const header = frame.security;
  if (header === undefined || header.level === 0 || header.frameCounter === undefined) {
    return { header: undefined, nonce: new Uint8Array(0) };
  }
  return { header, nonce: counterNonce(source, header.frameCounter, header.level) };
}

interface CcmParts {
  readonly authenticated: Uint8Array;
  /** The payload that stays readable. */
  readonly open: Uint8Array;
  /** The payload that is encrypted. */
  readonly secret: Uint8Array;
}

/** What is authenticated and what is encrypted as well (2015 table 9-2). */
function splitForCcm(frame: MacFrame, header: SecurityHeader, payload: Uint8Array): CcmParts {
  const openLength = isEncrypted(header.level) ? openPayloadLength(frame) : payload.length;
  const open = payload.subarray(0, openLength);
  // Whether a termination element closes the header depends on the payload as it is on the air, MIC and all.
  const onAir = { ...frame, payload: new Uint8Array(payload.length + micLength(header.level)) };
  const macHeader = new Uint8Array(macHeaderLength(onAir));
  encodeMacHeader(onAir, macHeader);
  return { authenticated: concatBytes([macHeader, open]), open, secret: payload.subarray(openLength) };
}

/** Octets of the payload that are not encrypted: the fixed fields of old beacons, the identifier of old commands. */
function openPayloadLength(frame: MacFrame): number {
  if (frame.version === 2) return 0;
  if (frame.type === "command") return Math.min(1, frame.payload.length);
  if (frame.type === "beacon") return frame.payload.length - decodeBeacon(frame.payload).payload.length;
  return 0;
}
