import { MAX_FRAME_LENGTH } from "../wire/mac/frame.js";

/** Milliseconds of a symbol at 2.4 GHz: 62,500 a second, four bits each (IEEE 802.15.4-2015 12.2). */
export const SYMBOL_MS = 0.016;

/** The times of the 2.4 GHz O-QPSK PHY and of the MAC over it, in symbols. */
export const PHY = {
  /** Two symbols carry an octet: 250 kbit/s. */
  symbolsPerOctet: 2,
  /** Preamble of 4 octets and start-of-frame delimiter of 1: what a receiver locks on to. */
  synchronizationOctets: 5,
  /** The frame length before the frame. */
  headerOctets: 1,
  /** aTurnaroundTime: from receiving to sending and back. */
  turnaround: 12,
  /** aCcaTime: how long the channel is listened to before it is called clear. */
  cca: 8,
  /** aUnitBackoffPeriod. */
  unitBackoff: 20,
  /** macAckWaitDuration: unit backoff, turnaround, synchronization header and 6 octets. */
  ackWait: 54,
  /** macSifsPeriod: after a frame of at most 18 octets. */
  shortSpacing: 12,
  /** macLifsPeriod: after a longer one. */
  longSpacing: 40,
} as const;

/** The longest frame after which the short interframe spacing is enough (aMaxSifsFrameSize). */
const MAX_SHORT_SPACING_LENGTH = 18;

/** Milliseconds that preamble and start-of-frame delimiter take. */
export const SYNCHRONIZATION_MS = PHY.synchronizationOctets * PHY.symbolsPerOctet * SYMBOL_MS;

/** Milliseconds that a frame of `length` octets, check sequence included, is on the air. */
export function airTimeMs(length: number): number {
  return (PHY.synchronizationOctets + PHY.headerOctets + length) * PHY.symbolsPerOctet * SYMBOL_MS;
}

/** Milliseconds that a sender leaves behind a frame of `length` octets (2015 6.2.4). */
export function interframeSpacingMs(length: number): number {
  return (length <= MAX_SHORT_SPACING_LENGTH ? PHY.shortSpacing : PHY.longSpacing) * SYMBOL_MS;
}

/** Milliseconds that the longest frame is on the air. */
export const MAX_AIR_TIME_MS = airTimeMs(MAX_FRAME_LENGTH);
