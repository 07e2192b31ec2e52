/** Whether `text` is an IPv4 or IPv6 address in its usual text form, with or without a zone. */
export function isIpAddress(text: string): boolean {
  return text.includes(":") ? isIpv6Address(text) : isIpv4Address(text);
}

function isIpv4Address(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

/** RFC 4291 2.2: eight groups, `::` once in place of some, the last two perhaps as an IPv4 address. */
function isIpv6Address(text: string): boolean {
  const [address = "", zone] = text.split("%", 2);
  if (zone === "") return false;
  const halves = address.split("::");
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    const count = countGroups(half, index === halves.length - 1);
    if (count === undefined) return false;
    groups += count;
  }
  return halves.length === 2 ? groups < 8 : groups === 8;
}

function countGroups(text: string, isLast: boolean): number | undefined {
  if (text === "") return 0;
  const groups = text.split(":");
  let count = groups.length;
  for (const [index, group] of groups.entries()) {
    if (isLast && index === groups.length - 1 && group.includes(".")) {
      if (!isIpv4Address(group)) return undefined;
      count++;
    } else if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) {
      return undefined;
    }
  }
  return count;
}

/** Whether `address` is a multicast group: 224.0.0.0/4 or ff00::/8. */
export function isMulticastAddress(address: string): boolean {
  if (address.includes(":")) return /^ff[0-9a-f]{2}:/i.test(address);
  const first = Number(address.split(".", 1)[0]);
  return isIpv4Address(address) && first >= 224 && first <= 239;
}
