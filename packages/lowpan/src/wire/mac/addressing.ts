import { WireError } from "../wire-error.js";
import type { AddressingMode, FrameVersion } from "./frame-control.js";
import type { LinkAddress } from "./link-address.js";

/** Which PAN identifiers a frame carries. */
export interface PanIdPresence {
  readonly destination: boolean;
  readonly source: boolean;
}

/**
 * The PAN identifiers that a frame with these addressing modes carries (IEEE 802.15.4-2015 7.2.2.6).
 *
 * The addressing fields follow the sequence number, each only when present:
 *
 * ```text
 * +-----------------+---------------------+------------+----------------+
 * | dest. PAN ID: 2 | dest. address: 2, 8 | PAN ID: 2  | address: 2, 8  |
 * +-----------------+---------------------+------------+----------------+
 * ```
 *
 * @throws WireError `addressing` when the compression bit is set where it must not be.
 */
export function panIdPresence(
  version: FrameVersion,
  isCompressed: boolean,
  destination: AddressingMode,
  source: AddressingMode,
): PanIdPresence {
  const hasBoth = destination !== 0 && source !== 0;
  if (version !== 2) {
    // 2006 7.2.1.1.5: with one address or none there is nothing to compress.
    if (isCompressed && !hasBoth) throw new WireError("addressing", "PAN ID compression without two addresses");
    return { destination: destination !== 0, source: source !== 0 && !isCompressed };
  }
  // The rest is 2015 table 7-2.
  if (hasBoth) {
    const areBothExtended = destination === 3 && source === 3;
    return areBothExtended
      ? { destination: !isCompressed, source: false }
      : { destination: true, source: !isCompressed };
  }
  if (destination !== 0) return { destination: !isCompressed, source: false };
  if (source !== 0) return { destination: false, source: !isCompressed };
  return { destination: isCompressed, source: false };
}

/**
 * The PAN ID compression bit with which a frame carries just these PAN identifiers.
 *
 * @throws RangeError when neither value of the bit expresses that.
 */
export function panIdCompression(
  version: FrameVersion,
  destination: AddressingMode,
  source: AddressingMode,
  wanted: PanIdPresence,
): boolean {
  for (const isCompressed of [true, false]) {
    if (isCompressed && version !== 2 && (destination === 0 || source === 0)) continue;
    const presence = panIdPresence(version, isCompressed, destination, source);
    if (presence.destination === wanted.destination && presence.source === wanted.source) return isCompressed;
  }
  throw new RangeError("no frame carries this combination of addresses and PAN identifiers");
}

/** The addressing mode that carries `address`. @throws RangeError when it has neither 2 nor 8 octets. */
export function addressingModeOf(address: LinkAddress | undefined): AddressingMode {
  if (address === undefined) return 0;
  if (address.length === 2) return 2;
  if (address.length === 8) return 3;
  throw new RangeError(`a link address has 2 or 8 octets, not ${address.length}`);
}
