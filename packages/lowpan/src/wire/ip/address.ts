import { byteAt, equalBytes } from "@isthmus/bytes";
import { type LinkAddress, isShort } from "../mac/link-address.js";

/** An IPv6 address: 16 octets in network order. */
export type Ipv6Address = Uint8Array;

export const ADDRESS_LENGTH = 16;

/** Octets of an interface identifier: the lower half of a unicast address. */
export const IID_LENGTH = 8;

/** A string that is the same for equal addresses only: a key for maps, not for people. */
export function addressKey(bytes: Uint8Array, at = 0): string {
  let key = "";
  for (let i = at; i < at + ADDRESS_LENGTH; i++) key += String.fromCharCode(byteAt(bytes, i));
  return key;
}

/** The address that {@link addressKey} made the key of. */
export function addressOfKey(key: string): Ipv6Address {
  const address = new Uint8Array(ADDRESS_LENGTH);
  for (let i = 0; i < ADDRESS_LENGTH; i++) address[i] = key.charCodeAt(i);
  return address;
}

export function isUnspecified(address: Ipv6Address): boolean {
  return address.every((octet) => octet === 0);
}

export function isMulticast(address: Ipv6Address): boolean {
  return address[0] === 0xff;
}

/** Whether the address is in fe80::/10. */
export function isLinkLocal(address: Ipv6Address): boolean {
  return address[0] === 0xfe && (byteAt(address, 1) & 0xc0) === 0x80;
}

/** Whether the address may not leave the link: link-local, or multicast of interface or link scope. */
export function isLinkScoped(address: Ipv6Address): boolean {
  return isMulticast(address) ? (byteAt(address, 1) & 0xf) <= 2 : isLinkLocal(address);
}

/** Whether the first `length` bits of both are equal. */
export function hasPrefix(address: Ipv6Address, prefix: Uint8Array, length: number): boolean {
  const whole = length >>> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== prefix[i]) return false;
  const rest = length & 7;
  return rest === 0 || (byteAt(address, whole) ^ byteAt(prefix, whole)) >>> (8 - rest) === 0;
}

/** `address` with all bits behind the first `length` cleared. */
export function maskAddress(address: Ipv6Address, length: number): Ipv6Address {
  const masked = new Uint8Array(ADDRESS_LENGTH);
  const whole = length >>> 3;
  masked.set(address.subarray(0, whole));
  if ((length & 7) !== 0) masked[whole] = byteAt(address, whole) & (0xff00 >>> (length & 7));
  return masked;
}

/**
 * Writes the interface identifier that header compression derives from a link address (RFC 6282 3.2.2): an EUI-64
 * with its universal/local bit inverted, or 0000:00ff:fe00:xxxx of a short address.
 */
export function writeInterfaceIdentifier(link: LinkAddress, out: Uint8Array, at: number): void {
  if (isShort(link)) {
    out.fill(0, at, at + IID_LENGTH);
    out[at + 3] = 0xff;
    out[at + 4] = 0xfe;
    out[at + 6] = byteAt(link, 0);
    out[at + 7] = byteAt(link, 1);
    return;
  }
  for (let i = 0; i < IID_LENGTH; i++) out[at + i] = byteAt(link, i);
  out[at] = byteAt(link, 0) ^ 0x02;
}

/** The address of `link` in the /64 that `prefix` begins. */
export function addressOnPrefix(prefix: Uint8Array, link: LinkAddress): Ipv6Address {
  const address = new Uint8Array(ADDRESS_LENGTH);
  address.set(prefix.subarray(0, IID_LENGTH));
  writeInterfaceIdentifier(link, address, IID_LENGTH);
  return address;
}

/** The link-local address of `link`. */
export function linkLocalAddress(link: LinkAddress): Ipv6Address {
  return addressOnPrefix(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0), link);
}

/**
 * The link address from which the interface identifier of `address` was made: the inverse of
 * {@link writeInterfaceIdentifier}. Neighbours that made theirs otherwise need neighbour discovery.
 */
export function linkAddressOf(address: Ipv6Address): LinkAddress {
  const iid = address.subarray(IID_LENGTH, ADDRESS_LENGTH);
  if (equalBytes(iid.subarray(0, 6), SHORT_IID_START)) return iid.slice(6);
  const link = iid.slice();
  link[0] = byteAt(link, 0) ^ 0x02;
  return link;
}

/** The solicited-node multicast address of `address` (RFC 4291 2.7.1). */
export function solicitedNodeAddress(address: Ipv6Address): Ipv6Address {
  const multicast = SOLICITED_NODE_PREFIX.slice();
  multicast.set(address.subarray(13), 13);
  return multicast;
}

/** `address` as RFC 5952 writes it. */
export function formatAddress(address: Ipv6Address): string {
  const groups = Array.from({ length: 8 }, (_, i) => (byteAt(address, 2 * i) << 8) | byteAt(address, 2 * i + 1));
  const { start, length } = longestZeroRun(groups);
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  // RFC 5952 4.2.2: a single group of zeros is not shortened.
  return length < 2 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}

/**
 * The address that `text` writes (RFC 4291 2.2), with or without `::`, the last 32 bits as IPv4 if you like.
 *
 * @throws RangeError when `text` is not an IPv6 address.
 */
export function parseAddress(text: string): Ipv6Address {
  const halves = replaceIpv4(text).split("::");
  const head = parseGroups(halves[0] ?? "", text);
  const tail = parseGroups(halves[1] ?? "", text);
  const missing = 8 - head.length - tail.length;
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0)) throw notAnAddress(text);
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]));
}

function parseGroups(text: string, whole: string): number[] {
  if (text === "") return [];
  return text.split(":").map((group) => {
    if (!/^[0-9a-f]{1,4}$/i.test(group)) throw notAnAddress(whole);
    return Number.parseInt(group, 16);
  });
}

function replaceIpv4(text: string): string {
  return text.replace(/(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/, (_, ...octets: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = octets.slice(0, 4).map(Number);
    if (Math.max(a, b, c, d) > 255) throw notAnAddress(text);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
}

function notAnAddress(text: string): RangeError {
  return new RangeError(`"${text}" is not an IPv6 address`);
}

const SHORT_IID_START = Uint8Array.of(0, 0, 0, 0xff, 0xfe, 0);

/** ff02::1:ff00:0/104. */
const SOLICITED_NODE_PREFIX = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0);
