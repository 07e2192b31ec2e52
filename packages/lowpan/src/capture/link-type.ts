import { byteAt } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire/wire-error.js";

/** The link types under which captures hold IEEE 802.15.4 frames, as registered with tcpdump.org. */
export const LINK_TYPE = {
  /** Frames with their check sequence. */
  withFcs: 195,
  /** Frames without it. */
  withoutFcs: 230,
  /** Frames behind a TAP header that tells about radio and check sequence. */
  tap: 283,
} as const;

/** A number of {@link LINK_TYPE}. */
export type LinkType = (typeof LINK_TYPE)[keyof typeof LINK_TYPE];

/** A frame as a capture has it. */
export interface CapturedFrame {
  /** The frame, with its check sequence if `hasFcs`. */
  readonly psdu: Uint8Array;
  readonly hasFcs: boolean;
  readonly channel: number | undefined;
  readonly channelPage: number | undefined;
  /** Signal strength in dBm. */
  readonly rssDbm: number | undefined;
  /** Link quality, 0 to 255. */
  readonly lqi: number | undefined;
}

/** The fields of a TAP header that are read and written; others are skipped. */
const TAP = { fcsType: 0, rss: 1, channel: 3, lqi: 10 } as const;
const TAP_HEADER_LENGTH = 4;

/** The frame in a record of a capture of this link type. @throws WireError `capture`. */
export function openRecord(linkType: number, bytes: Uint8Array): CapturedFrame {
  if (linkType === LINK_TYPE.withFcs) return plainFrame(bytes, true);
  if (linkType === LINK_TYPE.withoutFcs) return plainFrame(bytes, false);
  if (linkType === LINK_TYPE.tap) return openTap(bytes);
  throw new WireError("capture", `link type ${linkType} does not hold IEEE 802.15.4 frames`);
}

/**
 * The bytes of a record of this link type.
 *
 * @throws RangeError when the link type wants a check sequence and the frame has none.
 */
export function closeRecord(linkType: LinkType, frame: CapturedFrame): Uint8Array {
  if (linkType === LINK_TYPE.tap) return closeTap(frame);
  if (linkType === LINK_TYPE.withoutFcs) return frame.hasFcs ? frame.psdu.subarray(0, -2) : frame.psdu;
  if (!frame.hasFcs) throw new RangeError(`link type ${linkType} holds frames with a check sequence`);
  return frame.psdu;
}

function plainFrame(psdu: Uint8Array, hasFcs: boolean): CapturedFrame {
  return { psdu, hasFcs, channel: undefined, channelPage: undefined, rssDbm: undefined, lqi: undefined };
}

/**
 * The TAP header (draft of the 802.15.4 TAP link type), all little-endian:
 *
 * ```text
 * +------------+-------------+-------------+      +---------+-----------+-------+---------+
 * | Version: 1 | Reserved: 1 | Length: 2   | then | Type: 2 | Length: 2 | Value | Pad     |  each
 * +------------+-------------+-------------+      +---------+-----------+-------+---------+
 * ```
 *
 * The header's length counts all of it; values are padded to multiples of 4.
 */
function openTap(bytes: Uint8Array): CapturedFrame {
  requireBytes(0, TAP_HEADER_LENGTH, bytes.length, "the TAP header");
  if (byteAt(bytes, 0) !== 0) throw new WireError("capture", `TAP version ${byteAt(bytes, 0)}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = view.getUint16(2, true);
  requireBytes(0, end, bytes.length, "the TAP header");
  // Without the field there is no check sequence.
  let fcsType = 0;
  const frame: { -readonly [Key in keyof CapturedFrame]: CapturedFrame[Key] } = plainFrame(bytes.subarray(end), false);
  for (let at = TAP_HEADER_LENGTH; at < end;) {
    requireBytes(at, 4, end, "a TAP field");
    const type = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    at += 4;
    requireBytes(at, length, end, "a TAP field");
    if (type === TAP.fcsType && length >= 1) fcsType = byteAt(bytes, at);
    if (type === TAP.rss && length >= 4) frame.rssDbm = view.getFloat32(at, true);
    if (type === TAP.lqi && length >= 1) frame.lqi = byteAt(bytes, at);
    if (type === TAP.channel && length >= 3) {
      frame.channel = view.getUint16(at, true);
      frame.channelPage = byteAt(bytes, at + 2);
    }
    at += (length + 3) & ~3;
  }
  if (fcsType > 1) throw new WireError("capture", `TAP check sequence type ${fcsType}`);
  frame.hasFcs = fcsType === 1;
  return frame;
}

function closeTap(frame: CapturedFrame): Uint8Array {
  const fields: number[] = [...tapField(TAP.fcsType, [frame.hasFcs ? 1 : 0])];
  if (frame.rssDbm !== undefined) {
    const value = new DataView(new ArrayBuffer(4));
    value.setFloat32(0, frame.rssDbm, true);
    fields.push(...tapField(TAP.rss, [...new Uint8Array(value.buffer)]));
  }
  if (frame.channel !== undefined) {
    fields.push(...tapField(TAP.channel, [frame.channel & 0xff, frame.channel >>> 8, frame.channelPage ?? 0]));
  }
  if (frame.lqi !== undefined) fields.push(...tapField(TAP.lqi, [frame.lqi]));
  const length = TAP_HEADER_LENGTH + fields.length;
  return Uint8Array.of(0, 0, length & 0xff, length >>> 8, ...fields, ...frame.psdu);
}

function tapField(type: number, value: readonly number[]): number[] {
  const padding = new Array<number>(-value.length & 3).fill(0);
  return [type, 0, value.length, 0, ...value, ...padding];
}
