export {
  addressKey,
  addressOfKey,
  addressOnPrefix,
  formatAddress,
  hasPrefix,
  type Ipv6Address,
  isLinkLocal,
  isLinkScoped,
  isMulticast,
  isUnspecified,
  linkAddressOf,
  linkLocalAddress,
  maskAddress,
  parseAddress,
  solicitedNodeAddress,
} from "./address.js";
export { upperLayerChecksum } from "./checksum.js";
export {
  decodeIpv6,
  encodeIpv6,
  IPV6_HEADER_LENGTH,
  IPV6_MINIMUM_MTU,
  type Ipv6Fields,
  type Ipv6Header,
  NEXT_HEADER,
} from "./ipv6.js";
export { decodeUdp, encodeUdpPacket, UDP_HEADER_LENGTH, type UdpDatagram } from "./udp.js";
