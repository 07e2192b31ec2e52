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
export { type ExtensionChain, type ExtensionHeader, walkExtensions } from "./extension-chain.js";
export {
  decodeIcmpv6,
  type EchoMessage,
  encodeIcmpv6Packet,
  type ErrorMessage,
  type Icmpv6Message,
  type OtherIcmpv6Message,
  UNREACHABLE_CODE,
} from "./icmpv6.js";
export {
  decodeIpv6,
  encodeIpv6,
  IPV6_HEADER_LENGTH,
  IPV6_MINIMUM_MTU,
  type Ipv6Fields,
  type Ipv6Header,
  NEXT_HEADER,
} from "./ipv6.js";
export type {
  DuplicateAddressMessage,
  NdMessage,
  NeighborAdvertisement,
  NeighborSolicitation,
  RouterAdvertisement,
  RouterSolicitation,
} from "./nd-message.js";
export {
  type AddressRegistrationOption,
  type BorderRouterOption,
  type ContextOption,
  type LinkAddressOption,
  type NdOption,
  type PrefixInformationOption,
  REGISTRATION_STATUS,
} from "./nd-option.js";
export {
  findRplOption,
  insertRplOption,
  readRplOption,
  removeRplOption,
  type RplPacketInformation,
  writeRplOption,
} from "./rpl-hop-by-hop.js";
export {
  type DaoAck,
  type DestinationAdvertisement,
  type DodagInformationObject,
  type DodagInformationSolicitation,
  RPL_MODE,
  type RplMessage,
} from "./rpl-message.js";
export type {
  DodagConfiguration,
  RplOption,
  RplPrefixInformation,
  RplTarget,
  SolicitedInformation,
  TransitInformation,
} from "./rpl-option.js";
export { decodeUdp, encodeUdpPacket, UDP_HEADER_LENGTH, type UdpDatagram } from "./udp.js";
export { decodeSourceRouting, SOURCE_ROUTING_TYPE, type SourceRoutingHeader } from "./source-routing-header.js";
