import { WireError } from "../wire-error.js";

/** The frame types handled here. Multipurpose, fragment and extended frames (5 to 7) are refused by name. */
export type FrameType = "beacon" | "data" | "acknowledgement" | "command";

/** The frame version subfield: 0 is IEEE 802.15.4-2003, 1 is 2006, 2 is 2015. */
export type FrameVersion = 0 | 1 | 2;

/** The addressing mode subfield: 0 no address, 2 short, 3 extended; 1 is reserved. */
export type AddressingMode = 0 | 2 | 3;

/**
 * The frame control field (IEEE 802.15.4-2015 7.2.2), least significant bit first:
 *
 * ```text
 *   0 1 2   3        4       5   6           7   8        9       10 11      12 13   14 15
 * +-------+--------+-------+---+-----------+---+--------+-------+----------+-------+----------+
 * | Frame |Security| Frame |AR | PAN ID    |Res|Seq. no.|IE     | Dest.    | Frame | Source   |
 * | type  |enabled |pending|   |compression|   |suppr.  |present| addr mode|version| addr mode|
 * +-------+--------+-------+---+-----------+---+--------+-------+----------+-------+----------+
 * ```
 */
export interface FrameControl {
  readonly type: FrameType;
  readonly isSecured: boolean;
  readonly isFramePending: boolean;
  readonly isAckRequested: boolean;
  readonly isPanIdCompressed: boolean;
  readonly isSequenceNumberSuppressed: boolean;
  readonly hasInformationElements: boolean;
  readonly destinationMode: AddressingMode;
  readonly version: FrameVersion;
  readonly sourceMode: AddressingMode;
}

const FRAME_TYPES: readonly FrameType[] = ["beacon", "data", "acknowledgement", "command"];
const OTHER_FRAME_TYPES = ["reserved", "multipurpose", "fragment or Frak", "extended"];

/** The frame control field in `bits`. @throws WireError for reserved types, versions and addressing modes. */
export function decodeFrameControl(bits: number): FrameControl {
  const type = FRAME_TYPES[bits & 0x7];
  if (type === undefined) {
    throw new WireError("frame-type", `a ${OTHER_FRAME_TYPES[(bits & 0x7) - 4]} frame (type ${bits & 0x7})`);
  }
  const version = (bits >>> 12) & 0x3;
  if (version === 3) throw new WireError("frame-version", "frame version 3 is reserved");
  const is2015 = version === 2;
  return {
    type,
    isSecured: (bits & 0x0008) !== 0,
    isFramePending: (bits & 0x0010) !== 0,
    isAckRequested: (bits & 0x0020) !== 0,
    isPanIdCompressed: (bits & 0x0040) !== 0,
    // Bits 8 and 9 are reserved, ignored on reception, before the 2015 version.
    isSequenceNumberSuppressed: is2015 && (bits & 0x0100) !== 0,
    hasInformationElements: is2015 && (bits & 0x0200) !== 0,
    destinationMode: addressingMode((bits >>> 10) & 0x3),
    version: version === 0 ? 0 : version === 1 ? 1 : 2,
    sourceMode: addressingMode(bits >>> 14),
  };
}

/** The 16 bits of a frame control field. */
export function encodeFrameControl(control: FrameControl): number {
  return (
    FRAME_TYPES.indexOf(control.type) |
    (control.isSecured ? 0x0008 : 0) |
    (control.isFramePending ? 0x0010 : 0) |
    (control.isAckRequested ? 0x0020 : 0) |
    (control.isPanIdCompressed ? 0x0040 : 0) |
    (control.isSequenceNumberSuppressed ? 0x0100 : 0) |
    (control.hasInformationElements ? 0x0200 : 0) |
    (control.destinationMode << 10) |
    (control.version << 12) |
    (control.sourceMode << 14)
  );
}

function addressingMode(bits: number): AddressingMode {
  if (bits === 1) throw new WireError("addressing", "addressing mode 1 is reserved");
  return bits === 0 ? 0 : bits === 2 ? 2 : 3;
}
