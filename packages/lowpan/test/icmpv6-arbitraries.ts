import * as fc from "fast-check";
import { type Icmpv6Message, maskAddress, type NdOption, type RplOption } from "../src/wire/index.js";
import { linkAddress, octets } from "./arbitraries.js";

const uint8 = fc.nat(0xff);
const uint16 = fc.nat(0xffff);
const uint32 = fc.nat(0xffff_ffff);
const address = octets(16, 16);
const unicast = octets(15, 15).map((rest) => Uint8Array.of(0x20, ...rest));
const prefix = (maxLength: number) =>
  fc.tuple(address, fc.nat(maxLength)).map(([bits, prefixLength]) => ({
    prefix: maskAddress(bits, prefixLength),
    prefixLength,
  }));

export const ndOption: fc.Arbitrary<NdOption> = fc.oneof(
  fc.record({
    type: fc.constantFrom("source-link-address" as const, "target-link-address" as const),
    address: linkAddress,
  }),
  fc
    .record({
      isOnLink: fc.boolean(),
      isAutonomous: fc.boolean(),
      validLifetimeSeconds: uint32,
      preferredLifetimeSeconds: uint32,
      at: prefix(128),
    })
    .map(({ at, ...rest }) => ({ type: "prefix-information" as const, ...rest, ...at })),
  uint32.map((mtu) => ({ type: "mtu" as const, mtu })),
  fc.record({
    type: fc.constant("address-registration" as const),
    status: uint8,
    opaque: uint8,
    wantsRouting: fc.boolean(),
    transactionId: fc.option(uint8, { nil: undefined }),
    lifetimeMinutes: uint16,
    owner: fc.oneof(...[8, 16, 24, 32].map((length) => octets(length, length))),
  }),
  fc
    .record({ contextId: fc.nat(15), isForCompression: fc.boolean(), lifetimeMinutes: uint16, at: prefix(128) })
    .map(({ at, ...rest }) => ({ type: "context" as const, ...rest, ...at })),
  fc.record({ type: fc.constant("border-router" as const), version: uint32, lifetimeMinutes: uint16, address }),
  fc.record({ type: fc.constant("other" as const), optionType: fc.constantFrom(24, 25, 31), content: octets(6, 6) }),
);

const ndOptions = fc.array(ndOption, { maxLength: 4 });

export const rplOption: fc.Arbitrary<RplOption> = fc.oneof(
  fc.record({
    type: fc.constant("dodag-configuration" as const),
    isAuthenticated: fc.boolean(),
    pathControlSize: fc.nat(7),
    dioIntervalDoublings: uint8,
    dioIntervalMin: uint8,
    dioRedundancyConstant: uint8,
    maxRankIncrease: uint16,
    minHopRankIncrease: uint16,
    objectiveCodePoint: uint16,
    defaultLifetime: uint8,
    lifetimeUnitSeconds: uint16,
  }),
  prefix(128).map((at) => ({ type: "rpl-target" as const, ...at })),
  fc.record({
    type: fc.constant("transit-information" as const),
    isExternal: fc.boolean(),
    pathControl: uint8,
    pathSequence: uint8,
    pathLifetime: uint8,
    parent: fc.option(address, { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("solicited-information" as const),
    instanceId: uint8,
    matchesVersion: fc.boolean(),
    matchesInstance: fc.boolean(),
    matchesDodag: fc.boolean(),
    dodagId: address,
    version: uint8,
  }),
  fc.record({
    type: fc.constant("rpl-prefix-information" as const),
    prefix: address,
    prefixLength: fc.nat(128),
    isOnLink: fc.boolean(),
    isAutonomous: fc.boolean(),
    isRouterAddress: fc.boolean(),
    validLifetimeSeconds: uint32,
    preferredLifetimeSeconds: uint32,
  }),
  fc.record({ type: fc.constant("other" as const), optionType: fc.constantFrom(2, 3, 9, 77), content: octets(0, 9) }),
);

const rplOptions = fc.array(rplOption, { maxLength: 4 });

export const rplMessage = fc.oneof(
  fc.record({ type: fc.constant("dis" as const), options: rplOptions }),
  fc.record({
    type: fc.constant("dio" as const),
    instanceId: uint8,
    version: uint8,
    rank: uint16,
    isGrounded: fc.boolean(),
    mode: fc.nat(7),
    preference: fc.nat(7),
    dtsn: uint8,
    dodagId: address,
    options: rplOptions,
  }),
  fc.record({
    type: fc.constant("dao" as const),
    instanceId: uint8,
    wantsAck: fc.boolean(),
    sequence: uint8,
    dodagId: fc.option(address, { nil: undefined }),
    options: rplOptions,
  }),
  fc.record({
    type: fc.constant("dao-ack" as const),
    instanceId: uint8,
    sequence: uint8,
    status: uint8,
    dodagId: fc.option(address, { nil: undefined }),
    options: rplOptions,
  }),
  fc.record({ type: fc.constant("other-rpl" as const), code: fc.constantFrom(0x80, 0x8a, 9), body: octets(0, 20) }),
);

export const icmpv6Message: fc.Arbitrary<Icmpv6Message> = fc.oneof(
  fc.record({
    type: fc.constantFrom("echo-request" as const, "echo-reply" as const),
    identifier: uint16,
    sequenceNumber: uint16,
    data: octets(0, 40),
  }),
  fc.record({
    type: fc.constantFrom(
      "destination-unreachable" as const,
      "packet-too-big" as const,
      "time-exceeded" as const,
      "parameter-problem" as const,
    ),
    code: uint8,
    value: uint32,
    packet: octets(0, 60),
  }),
  fc.record({ type: fc.constant("router-solicitation" as const), options: ndOptions }),
  fc.record({
    type: fc.constant("router-advertisement" as const),
    hopLimit: uint8,
    isManaged: fc.boolean(),
    hasOtherConfiguration: fc.boolean(),
    routerLifetimeSeconds: uint16,
    reachableTimeMs: uint32,
    retransmissionTimeMs: uint32,
    options: ndOptions,
  }),
  fc.record({ type: fc.constant("neighbor-solicitation" as const), target: unicast, options: ndOptions }),
  fc.record({
    type: fc.constant("neighbor-advertisement" as const),
    isRouter: fc.boolean(),
    isSolicited: fc.boolean(),
    isOverride: fc.boolean(),
    target: unicast,
    options: ndOptions,
  }),
  fc
    .record({
      type: fc.constantFrom("duplicate-address-request" as const, "duplicate-address-confirmation" as const),
      code: fc.nat(4),
      status: uint8,
      transactionId: uint8,
      lifetimeMinutes: uint16,
      owner: octets(32, 32),
      registeredAddress: address,
    })
    .map((message) => ({ ...message, owner: message.owner.subarray(0, message.code === 0 ? 8 : 8 * message.code) })),
  rplMessage,
  fc.record({
    type: fc.constant("other" as const),
    icmpType: fc.constantFrom(130, 143, 200),
    code: uint8,
    body: octets(0, 9),
  }),
);
