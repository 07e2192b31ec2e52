import { isIpAddress } from "../codec/ip-address.js";

/** Addresses that begin alike, as `192.0.2.0/24` or `fd00::/8`. */
export interface IpRange {
  readonly bytes: readonly number[];
  readonly prefixLength: number;
}

/** @throws TypeError when `text` is no address with a prefix length that it has room for. */
export function parseIpRange(text: string): IpRange {
  const [address = "", length = ""] = text.split("/");
  const bytes = ipBytes(address);
  const prefixLength = Number(length);
  if (bytes === undefined || !/^[0-9]{1,3}$/.test(length) || prefixLength > bytes.length * 8) {
    throw new TypeError(`"${text}" is not a range of IP addresses`);
  }
  return { bytes, prefixLength };
}

/** Whether `address`, as text, lies in `range`. An IPv4 address in IPv6 form counts as IPv4. */
export function isInRange(address: string, range: IpRange): boolean {
  const bytes = ipBytes(address);
  if (bytes === undefined || bytes.length !== range.bytes.length) return false;
  for (let bit = 0; bit < range.prefixLength; bit += 8) {
    const mask = (0xff << Math.max(0, 8 - (range.prefixLength - bit))) & 0xff;
    if ((((bytes[bit / 8] ?? 0) ^ (range.bytes[bit / 8] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}

/** The 4 or 16 bytes of an address; undefined when it is none. */
function ipBytes(text: string): number[] | undefined {
  const [address = ""] = text.split("%");
  if (!isIpAddress(address)) return undefined;
  if (!address.includes(":")) return address.split(".").map(Number);
  const bytes = ipv6Bytes(address);
  // RFC 4291 2.5.5.2: ::ffff:0:0/96.
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? bytes.slice(12) : bytes;
}

/** The caller has checked that it is an IPv6 address. */
function ipv6Bytes(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const front = groupBytes(head);
  if (tail === undefined) return front;
  const back = groupBytes(tail);
  return [...front, ...new Array<number>(16 - front.length - back.length).fill(0), ...back];
}

function groupBytes(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const value = Number.parseInt(group, 16);
    return [value >>> 8, value & 0xff];
  });
}
