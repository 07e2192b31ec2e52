import { describe, expect, it } from "vitest";
import {
  decodeFrame,
  formatAddress,
  linkLocalAddress,
  type NdOption,
  parseAddress,
  parseLinkAddress,
} from "../src/wire/index.js";
import { LoneNode } from "./lone-node.js";
import { addressOf, Network, PREFIX } from "./network.js";

const HERE = { x: 0, y: 0 };
const NEAR = { x: 5, y: 0 };
const ALL_ROUTERS = parseAddress("ff02::2");

/** A neighbour that the test plays, its addresses, and the registration of the global one. */
const NEIGHBOR = parseLinkAddress("02:00:00:00:12:34:00:01");
const NEIGHBOR_LOCAL = linkLocalAddress(NEIGHBOR);
const NEIGHBOR_GLOBAL = parseAddress("2001:db8:1::1234:1");
const OURS = linkLocalAddress(addressOf(0));

const registration = (fields: object = {}): NdOption => ({
  type: "address-registration",
  status: 0,
  opaque: 0,
  wantsRouting: false,
  transactionId: undefined,
  lifetimeMinutes: 10,
  owner: NEIGHBOR,
  ...fields,
});

const register = (node: LoneNode, fields: object = {}, source = NEIGHBOR_GLOBAL, target = OURS): void =>
  node.receiveIcmp(NEIGHBOR, source, OURS, {
    type: "neighbor-solicitation",
    target,
    options: [{ type: "source-link-address", address: NEIGHBOR }, registration(fields)],
  });

/** What the node has said since it was last asked, in short. */
const said = (node: LoneNode, runMs = 1_000): { to: string; icmp: unknown }[] => {
  node.run(runMs);
  return node.takeSent().flatMap(({ header, icmp }) => {
    const isRpl = icmp?.type === "dio" || icmp?.type === "dao";
    return isRpl ? [] : [{ to: formatAddress(header.destination), icmp }];
  });
};

describe("a border router", () => {
  it("advertises all that a joining node needs, to it alone (RFC 6775 6.3, 8.1.2)", () => {
    const node = new LoneNode();
    node.run(10_000);
    node.takeSent();
    node.receiveIcmp(NEIGHBOR, NEIGHBOR_LOCAL, ALL_ROUTERS, {
      type: "router-solicitation",
      options: [{ type: "source-link-address", address: NEIGHBOR }],
    });
    node.run(1_000);
    const [answer] = node.takeSent().filter(({ icmp }) => icmp?.type === "router-advertisement");
    expect(answer).toMatchObject({
      header: { hopLimit: 255, source: OURS, destination: NEIGHBOR_LOCAL },
      link: NEIGHBOR,
    });
    expect(answer?.icmp).toMatchObject({
      routerLifetimeSeconds: 1_800,
      options: [
        { type: "prefix-information", prefix: PREFIX, prefixLength: 64, isAutonomous: true, isOnLink: false },
        { type: "source-link-address", address: addressOf(0) },
        { type: "context", contextId: 0, prefix: PREFIX, prefixLength: 64, isForCompression: true },
        { type: "border-router", version: 1, address: parseAddress("2001:db8:1::") },
      ],
    });
  });

  it("answers a registration from a tentative address at that address, with status 0", () => {
    const node = new LoneNode();
    register(node);
    expect(said(node)).toMatchObject([
      {
        to: "2001:db8:1::1234:1",
        icmp: {
          type: "neighbor-advertisement",
          isSolicited: true,
          target: OURS,
          options: [{ type: "target-link-address" }, { type: "address-registration", status: 0, owner: NEIGHBOR }],
        },
      },
    ]);
    expect(node.events.filter(({ type }) => type === "registration")).toMatchObject([
      { address: NEIGHBOR_GLOBAL, isRegistered: true },
    ]);
  });

  it("takes the target of an extended registration for the address (RFC 8505 5.5)", () => {
    const node = new LoneNode();
    register(node, { transactionId: 7, wantsRouting: true }, NEIGHBOR_LOCAL, NEIGHBOR_GLOBAL);
    const [answer] = said(node);
    expect(answer?.icmp).toMatchObject({
      target: NEIGHBOR_GLOBAL,
      options: [{}, { status: 0, transactionId: 7, wantsRouting: true }],
    });
    expect(node.events.find(({ type }) => type === "registration")).toMatchObject({ address: NEIGHBOR_GLOBAL });
  });

  it("refuses an address that is another's: status 1, told at the address that is the asker's without doubt", () => {
    const node = new LoneNode();
    register(node);
    said(node);
    const other = parseLinkAddress("02:00:00:00:12:34:00:02");
    register(node, { owner: other });
    expect(said(node)).toMatchObject([
      { to: "fe80::1234:2", icmp: { options: [{}, { type: "address-registration", status: 1, owner: other }] } },
    ]);
    // Its own address is nobody else's either.
    register(node, {}, parseAddress("2001:db8:1::"));
    expect(said(node)).toMatchObject([{ icmp: { options: [{}, { status: 1 }] } }]);
  });

  it("refuses one registration too many: status 2", () => {
    const node = new LoneNode({ maxRegistrations: 1 });
    register(node);
    said(node);
    register(node, {}, parseAddress("2001:db8:1::9"));
    expect(said(node)).toMatchObject([{ to: "fe80::1234:1", icmp: { options: [{}, { status: 2 }] } }]);
    // But the one that it has may be renewed.
    register(node);
    expect(said(node)).toMatchObject([{ icmp: { options: [{}, { status: 0 }] } }]);
  });

  it("forgets an address with lifetime zero, and one that is not renewed", () => {
    const node = new LoneNode();
    register(node);
    register(node, { lifetimeMinutes: 0 });
    said(node);
    register(node, { lifetimeMinutes: 3 });
    node.run(3 * 60_000 + 1);
    const states = node.events.flatMap((event) => (event.type === "registration" ? [event.isRegistered] : []));
    expect(states).toEqual([true, false, true, false]);
  });

  it("answers duplicate address requests of routers (RFC 6775 8.2.4)", () => {
    const node = new LoneNode();
    const router = parseAddress("2001:db8:1::77");
    const ours = parseAddress("2001:db8:1::");
    // The router is a neighbour, so that there is a way to it.
    register(node, { owner: parseLinkAddress("02:00:00:00:00:00:00:77") }, router);
    said(node);
    const ask = (owner: Uint8Array): unknown => {
      const question = {
        type: "duplicate-address-request",
        code: 0,
        status: 0,
        transactionId: 0,
        lifetimeMinutes: 5,
        owner,
        registeredAddress: NEIGHBOR_GLOBAL,
      } as const;
      node.receiveIcmp(NEIGHBOR, router, ours, question, 64);
      return said(node).map(({ to, icmp }) => ({ to, icmp }));
    };
    expect(ask(NEIGHBOR)).toMatchObject([
      { to: "2001:db8:1::77", icmp: { type: "duplicate-address-confirmation", status: 0, owner: NEIGHBOR } },
    ]);
    expect(ask(addressOf(5))).toMatchObject([{ icmp: { type: "duplicate-address-confirmation", status: 1 } }]);
  });
});

describe("a plain neighbour solicitation (RFC 4861 7.2.3)", () => {
  const solicit = (
    node: LoneNode,
    source: Uint8Array,
    destination: Uint8Array,
    target: Uint8Array,
    hopLimit = 255,
  ): void =>
    node.receiveIcmp(NEIGHBOR, source, destination, { type: "neighbor-solicitation", target, options: [] }, hopLimit);

  it("is answered with the link address, also when it comes to the solicited-node group", () => {
    const node = new LoneNode();
    solicit(node, NEIGHBOR_LOCAL, parseAddress("ff02::1:ff00:0"), OURS);
    expect(said(node)).toMatchObject([
      {
        to: "fe80::1234:1",
        icmp: {
          type: "neighbor-advertisement",
          isRouter: true,
          isSolicited: true,
          target: OURS,
          options: [{ type: "target-link-address", address: addressOf(0) }],
        },
      },
    ]);
  });

  it("from nobody is answered to all, so that the address is not taken twice", () => {
    const node = new LoneNode();
    solicit(node, parseAddress("::"), parseAddress("ff02::1:ff00:0"), parseAddress("2001:db8:1::"));
    expect(said(node)).toMatchObject([{ to: "ff02::1", icmp: { isSolicited: false } }]);
  });

  it("for another's address, or from beyond the link, is not answered", () => {
    const node = new LoneNode();
    solicit(node, NEIGHBOR_LOCAL, OURS, parseAddress("fe80::99"));
    solicit(node, NEIGHBOR_LOCAL, OURS, OURS, 254);
    expect(said(node)).toEqual([]);
  });
});

describe("a host", () => {
  const advertise = (node: LoneNode, options: readonly NdOption[] = [], lifetime = 1_800, from = NEIGHBOR): void =>
    node.receiveIcmp(from, linkLocalAddress(from), OURS, {
      type: "router-advertisement",
      hopLimit: 64,
      isManaged: false,
      hasOtherConfiguration: false,
      routerLifetimeSeconds: lifetime,
      reachableTimeMs: 0,
      retransmissionTimeMs: 0,
      options,
    });
  const prefix: NdOption = {
    type: "prefix-information",
    prefix: PREFIX,
    prefixLength: 64,
    isOnLink: false,
    isAutonomous: true,
    validLifetimeSeconds: 3_600,
    preferredLifetimeSeconds: 1_800,
  };
  const border = (version = 1): NdOption => ({
    type: "border-router",
    version,
    lifetimeMinutes: 100,
    address: parseAddress("2001:db8:1::1234:1"),
  });
  const context = (fields: object = {}): NdOption => ({
    type: "context",
    contextId: 1,
    prefix: parseAddress("2001:db8:2::"),
    prefixLength: 64,
    isForCompression: true,
    lifetimeMinutes: 5,
    ...fields,
  });
  const host = (): LoneNode => {
    const node = new LoneNode({ role: "host" });
    node.run(1_500);
    node.takeSent();
    return node;
  };
  const answer = (node: LoneNode, status: number, destination = parseAddress("2001:db8:1::")): void =>
    node.receiveIcmp(NEIGHBOR, NEIGHBOR_LOCAL, destination, {
      type: "neighbor-advertisement",
      isRouter: true,
      isSolicited: true,
      isOverride: true,
      target: NEIGHBOR_LOCAL,
      options: [registration({ owner: addressOf(0), status, lifetimeMinutes: 60 })],
    });

  it("registers the address that it makes of the prefix, from that address (RFC 6775 5.5)", () => {
    const node = host();
    advertise(node, [prefix, border()], 9_000);
    node.run(1_500);
    const [sent] = node.takeSent();
    expect(sent).toMatchObject({
      header: { source: parseAddress("2001:db8:1::"), destination: NEIGHBOR_LOCAL, hopLimit: 255 },
      icmp: {
        type: "neighbor-solicitation",
        target: NEIGHBOR_LOCAL,
        options: [
          { type: "source-link-address" },
          { type: "address-registration", owner: addressOf(0), lifetimeMinutes: 60 },
        ],
      },
    });
    expect(node.machine.addresses).toEqual([]);
    answer(node, 0);
    node.run(0);
    expect(node.events).toMatchObject([{ type: "address", isUsable: true }]);
    // Half of the lifetime later, once more.
    node.run(30 * 60_000 + 1_000);
    expect(node.takeSent().filter(({ icmp }) => icmp?.type === "neighbor-solicitation")).toHaveLength(1);
  });

  it("asks three times, then looks for another router", () => {
    const node = host();
    advertise(node, [prefix, border()]);
    node.run(30_000);
    const types = node.takeSent().map(({ icmp }) => icmp?.type);
    expect(types.slice(0, 3)).toEqual(["neighbor-solicitation", "neighbor-solicitation", "neighbor-solicitation"]);
    expect(types[3]).toBe("router-solicitation");
    expect(node.machine.parent).toBeUndefined();
  });

  it("gives an address up that is another's", () => {
    const node = host();
    advertise(node, [prefix, border()]);
    node.run(1_500);
    answer(node, 1, OURS);
    node.run(60_000);
    expect(node.machine.addresses).toEqual([]);
    expect(node.events).toEqual([]);
  });

  it("loses its address when the prefix has expired, and its router when its lifetime has", () => {
    const node = host();
    advertise(node, [{ ...prefix, validLifetimeSeconds: 60 }, border()], 100);
    node.run(1_500);
    answer(node, 0);
    node.run(58_000);
    expect(node.machine.addresses).toHaveLength(1);
    node.run(2_000);
    expect(node.machine.addresses).toEqual([]);
    expect(node.events.at(-1)).toMatchObject({ type: "address", isUsable: false });
    node.run(40_000);
    expect(node.machine.parent).toBeUndefined();
  });

  it("drops a router that says it is none any more", () => {
    const node = host();
    advertise(node, [prefix, border()]);
    expect(node.machine.parent).toEqual(NEIGHBOR_LOCAL);
    advertise(node, [], 0);
    expect(node.machine.parent).toBeUndefined();
  });

  it("uses contexts that come with a border router, for compression only as long as they live (RFC 6775 7.2)", () => {
    const node = host();
    advertise(node, [prefix, context()]);
    expect(node.machine.contexts.get(1)).toBeUndefined();
    advertise(node, [prefix, context(), border()]);
    expect(node.machine.contexts.get(1)).toMatchObject({ isForCompression: true });
    node.run(5 * 60_000);
    expect(node.machine.contexts.get(1)).toMatchObject({ isForCompression: false });
    // Twice the router lifetime later it is gone.
    node.run(3_600_000);
    expect(node.machine.contexts.get(1)).toBeUndefined();
  });

  it("takes no older version of what it knows, and nothing of a second border router meanwhile", () => {
    const node = host();
    advertise(node, [prefix, context(), border(5)]);
    advertise(node, [prefix, context({ prefix: parseAddress("2001:db8:9::") }), border(4)]);
    const other = { ...border(9), address: parseAddress("2001:db8:1::99") } as NdOption;
    advertise(node, [prefix, context({ prefix: parseAddress("2001:db8:9::") }), other]);
    expect(node.machine.contexts.get(1)?.prefix).toEqual(parseAddress("2001:db8:2::"));
    advertise(node, [prefix, context({ prefix: parseAddress("2001:db8:9::") }), border(6)]);
    expect(node.machine.contexts.get(1)?.prefix).toEqual(parseAddress("2001:db8:9::"));
  });

  it("solicits from its link-local address, with its link address, to all routers", () => {
    const node = new LoneNode({ role: "host" });
    node.run(1_000);
    expect(node.takeSent()).toMatchObject([
      {
        header: { source: OURS, destination: ALL_ROUTERS, hopLimit: 255 },
        icmp: { type: "router-solicitation", options: [{ type: "source-link-address", address: addressOf(0) }] },
      },
    ]);
    const [frame = new Uint8Array(0)] = node.frames;
    expect(decodeFrame(frame)).toMatchObject({ isAckRequested: false });
  });

  it("asks ever more rarely as long as there is no router", () => {
    const sent: number[] = [];
    const network = new Network({ seed: 3, observer: ({ startsAt }) => sent.push(startsAt) });
    network.add("host", HERE);
    network.run(10 * 60_000);
    const gaps = sent.slice(1).map((at, i) => at - (sent[i] ?? 0));
    expect(gaps.slice(0, 2).every((gap) => gap > 8_000 && gap < 12_000)).toBe(true);
    expect(gaps.at(-1)).toBeGreaterThan(50_000);
    expect(gaps.at(-1)).toBeLessThan(70_000);
  });
});

describe("a host and its routers, together", () => {
  it.each([undefined, true])("register and find each other (extended: %s)", (registersExtended) => {
    const network = new Network({ seed: 1 });
    network.add("border-router", HERE);
    network.add("host", NEAR, registersExtended === undefined ? {} : { registersExtended });
    network.runUntilJoined();
    expect(formatAddress(network.global(1))).toBe("2001:db8:1::1");
    expect(network.machine(1).contexts.has(0, PREFIX, 64)).toBe(true);
    expect(network.ping(0, network.global(1))).toBe(true);
    expect(network.ping(1, network.global(0), 1_200)).toBe(true);
  });

  it("stay registered over hours", () => {
    const network = new Network({ seed: 1, loss: 0.1 });
    network.add("border-router", HERE);
    network.add("host", NEAR, { registrationLifetimeMinutes: 5 });
    network.runUntilJoined();
    network.run(5 * 3_600_000);
    expect(network.eventsOf("registration").map(({ isRegistered }) => isRegistered)).toEqual([true]);
    expect(network.ping(0, network.global(1))).toBe(true);
  });

  it("part when the router is gone, and the host takes another", () => {
    const network = new Network({ seed: 1 });
    network.add("border-router", HERE);
    network.add("router", { x: 8, y: 0 });
    network.add("router", { x: 8, y: 3 });
    network.add("host", { x: 16, y: 1 });
    network.runUntilJoined();
    const used = network.text(network.machine(3).parent) === "fe80::1" ? 1 : 2;
    network.silence(used);
    // Traffic is what makes the others notice.
    for (let i = 0; i < 12; i++) network.ping(3, network.global(0));
    network.run(60_000);
    expect(network.text(network.machine(3).parent)).toBe(`fe80::${3 - used}`);
    expect(network.ping(3, network.global(0))).toBe(true);
    expect(network.ping(0, network.global(3))).toBe(true);
  });
});
