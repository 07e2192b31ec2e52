import { byteAt } from "@isthmus/bytes";

/** Octets of the frame check sequence at the end of each frame. */
export const FCS_LENGTH = 2;

/**
 * The frame check sequence (IEEE 802.15.4-2015 7.2.10): CRC-16 with x^16 + x^12 + x^5 + 1, bits taken least
 * significant first, starting from zero (known as CRC-16/KERMIT). Sent least significant octet first.
 */
export function frameCheckSequence(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = 0;
  for (let i = start; i < end; i++) {
    // The index is below 256, the table's length.
    crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byteAt(bytes, i)) & 0xff] as number);
  }
  return crc;
}

/** Whether the last two octets of `psdu` are the check sequence of those before. False when there are not two. */
export function hasValidFcs(psdu: Uint8Array): boolean {
  const end = psdu.length - FCS_LENGTH;
  return end >= 0 && frameCheckSequence(psdu, 0, end) === (byteAt(psdu, end) | (byteAt(psdu, end + 1) << 8));
}

const CRC_TABLE = makeTable();

function makeTable(): Uint16Array {
  // 0x8408 is the polynomial 0x1021 with its bits reversed.
  const table = new Uint16Array(256);
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x8408;
    table[i] = crc;
  }
  return table;
}
