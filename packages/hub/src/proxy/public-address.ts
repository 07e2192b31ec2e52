import { BlockList, isIP } from "node:net";

/** Addresses that are not of the open Internet (IANA's special-purpose registries, RFC 6890). */
const SPECIAL_RANGES = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
  ["::", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const;

const special = new BlockList();
for (const [address, length] of SPECIAL_RANGES)
  special.addSubnet(address, length, isIP(address) === 4 ? "ipv4" : "ipv6");

/** Whether `address` is one of the open Internet, so that a proxy gives nothing away by going there. */
export function isPublicAddress(address: string): boolean {
  const [plain = ""] = address.split("%");
  switch (isIP(plain)) {
    case 4:
      return !special.check(plain, "ipv4");
    case 6:
      // IPv4 in IPv6 form is looked up as what it is.
      return !special.check(plain, "ipv6");
    default:
      return false;
  }
}
