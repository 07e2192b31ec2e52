import { equalBytes, fromHex, toHex } from "@isthmus/bytes";

/**
 * An IEEE 802.15.4 address: 2 octets (short) or 8 octets (extended, an EUI-64), most significant octet first, the
 * order in which people write it. On the air it travels the other way round.
 */
export type LinkAddress = Uint8Array;

/** The short address that every node listens to (IEEE 802.15.4-2015 7.3.1). */
export const BROADCAST_SHORT = 0xffff;

/** The PAN identifier that every PAN listens to. */
export const BROADCAST_PAN = 0xffff;

/** The short address `value`. @throws RangeError when it is not a 16-bit number. */
export function shortAddress(value: number): LinkAddress {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) throw new RangeError(`${value} is not a short address`);
  return Uint8Array.of(value >>> 8, value);
}

/** A new broadcast address: a link address is mutable, so none is shared. */
export function broadcastAddress(): LinkAddress {
  return shortAddress(BROADCAST_SHORT);
}

export function isShort(address: LinkAddress): boolean {
  return address.length === 2;
}

export function isBroadcast(address: LinkAddress): boolean {
  return address.length === 2 && address[0] === 0xff && address[1] === 0xff;
}

export function equalLinkAddresses(a: LinkAddress | undefined, b: LinkAddress | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && equalBytes(a, b));
}

/** A string that is the same for equal addresses only: a key for maps, not for people. */
export function linkAddressKey(address: LinkAddress): string {
  let key = "";
  for (const octet of address) key += String.fromCharCode(octet);
  return key;
}

/** `0x12ab` for a short address, `02:00:00:00:12:34:00:01` for an extended one. */
export function formatLinkAddress(address: LinkAddress): string {
  return isShort(address) ? `0x${toHex(address)}` : toHex(address, ":");
}

/**
 * The address that {@link formatLinkAddress} wrote; colons and dashes may be left out.
 *
 * @throws RangeError when `text` has neither 2 nor 8 octets, HexSyntaxError when it is not hexadecimal.
 */
export function parseLinkAddress(text: string): LinkAddress {
  const address = fromHex(text.replace(/^0x/i, "").replaceAll("-", ""));
  if (address.length !== 2 && address.length !== 8) {
    throw new RangeError(`"${text}" is neither a short nor an extended address`);
  }
  return address;
}
