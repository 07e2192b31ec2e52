import { fromHex, toHex } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import {
  addressOnPrefix,
  encodeIcmpv6Packet,
  encodeIpv6,
  encodeUdpPacket,
  formatAddress,
  type Icmpv6Message,
  linkLocalAddress,
  NEXT_HEADER,
  parseAddress,
  parseLinkAddress,
} from "../src/wire/index.js";
import { LoneNode } from "./lone-node.js";
import { addressOf, Network, PREFIX } from "./network.js";

const NEIGHBOR = parseLinkAddress("02:00:00:00:12:34:00:01");
const NEIGHBOR_LOCAL = linkLocalAddress(NEIGHBOR);
const OURS = linkLocalAddress(addressOf(0));
const OUR_GLOBAL = parseAddress("2001:db8:1::");
const OUTSIDE = parseAddress("2001:db8:ffff::1");

const icmpSent = (node: LoneNode): { to: string; icmp: Icmpv6Message | undefined }[] => {
  node.run(1_000);
  return node
    .takeSent()
    .map(({ header, icmp }) => ({ to: formatAddress(header.destination), icmp }))
    .filter(({ icmp }) => icmp?.type !== "dio");
};

const udp = (
  fields: { source?: Uint8Array; destination?: Uint8Array; hopLimit?: number; port?: number } = {},
): Uint8Array =>
  encodeUdpPacket(
    {
      source: fields.source ?? NEIGHBOR_LOCAL,
      destination: fields.destination ?? OURS,
      hopLimit: fields.hopLimit ?? 64,
    },
    { sourcePort: 4321, destinationPort: fields.port ?? 5683, payload: fromHex("0102") },
  );

describe("UDP", () => {
  it("is delivered to bound ports, with where it came from", () => {
    const node = new LoneNode();
    node.machine.bind(5683);
    node.receive(NEIGHBOR, udp());
    node.run(0);
    expect(node.events.filter(({ type }) => type === "datagram")).toEqual([
      {
        type: "datagram",
        source: NEIGHBOR_LOCAL,
        sourcePort: 4321,
        destination: OURS,
        destinationPort: 5683,
        payload: fromHex("0102"),
      },
    ]);
  });

  it("to a port that nobody listens to is answered with port unreachable (RFC 4443 3.1)", () => {
    const node = new LoneNode();
    node.machine.bind(5683);
    node.machine.unbind(5683);
    const packet = udp();
    node.receive(NEIGHBOR, packet);
    expect(icmpSent(node)).toEqual([
      { to: "fe80::1234:1", icmp: { type: "destination-unreachable", code: 4, value: 0, packet } },
    ]);
  });

  it("with a wrong checksum is dropped", () => {
    const node = new LoneNode();
    node.machine.bind(5683);
    const packet = udp();
    packet[48] = 9;
    node.receive(NEIGHBOR, packet);
    expect(icmpSent(node)).toEqual([]);
    expect(node.machine.counters.ipv6.malformed).toBe(1);
  });

  it("to groups reaches those who have joined", () => {
    const group = parseAddress("ff02::fd");
    const node = new LoneNode();
    node.machine.bind(5683);
    node.receive(NEIGHBOR, udp({ destination: group }));
    node.machine.join(group);
    node.receive(NEIGHBOR, udp({ destination: group }));
    node.run(0);
    expect(node.events.filter(({ type }) => type === "datagram")).toHaveLength(1);
    // And nobody is told when none has: RFC 4443 2.4 e.
    node.machine.unbind(5683);
    node.receive(NEIGHBOR, udp({ destination: group }));
    expect(icmpSent(node)).toEqual([]);
  });

  it("of more than the MTU is the caller's mistake", () => {
    const node = new LoneNode();
    const send = (length: number): void =>
      node.machine.sendUdp(0, {
        sourcePort: 1,
        destination: NEIGHBOR_LOCAL,
        destinationPort: 2,
        payload: new Uint8Array(length),
      });
    expect(() => send(1_280 - 48)).not.toThrow();
    expect(() => send(1_281 - 48)).toThrow(RangeError);
  });

  it("to oneself comes back at once", () => {
    const node = new LoneNode();
    node.machine.bind(7);
    node.machine.sendUdp(0, { sourcePort: 8, destination: OUR_GLOBAL, destinationPort: 7, payload: fromHex("aa") });
    node.run(0);
    expect(node.events.find(({ type }) => type === "datagram")).toMatchObject({
      payload: fromHex("aa"),
      sourcePort: 8,
    });
  });
});

describe("echo requests", () => {
  const request = (destination: Uint8Array): Uint8Array =>
    encodeIcmpv6Packet(
      { source: NEIGHBOR_LOCAL, destination, hopLimit: 64 },
      { type: "echo-request", identifier: 7, sequenceNumber: 9, data: fromHex("cafe") },
    );

  it("are answered from the address that was asked", () => {
    const node = new LoneNode();
    for (const destination of [OURS, OUR_GLOBAL]) {
      node.receive(NEIGHBOR, request(destination));
      node.run(1_000);
      const [reply] = node.takeSent().filter(({ icmp }) => icmp?.type === "echo-reply");
      expect(reply).toMatchObject({ header: { source: destination, destination: NEIGHBOR_LOCAL } });
      expect(reply?.icmp).toEqual({ type: "echo-reply", identifier: 7, sequenceNumber: 9, data: fromHex("cafe") });
    }
  });

  it("to a group are answered from an address of one's own", () => {
    const node = new LoneNode();
    node.receive(NEIGHBOR, request(parseAddress("ff02::1")));
    node.run(1_000);
    const [reply] = node.takeSent().filter(({ icmp }) => icmp?.type === "echo-reply");
    expect(reply?.header.source).toEqual(OURS);
  });
});

describe("packets that are not for us", () => {
  it("go out of the 6LoWPAN at the border router, one hop older", () => {
    const node = new LoneNode();
    const source = addressOnPrefix(PREFIX, NEIGHBOR);
    node.receive(NEIGHBOR, udp({ source, destination: OUTSIDE, hopLimit: 10 }));
    node.run(0);
    const [event] = node.events.filter(({ type }) => type === "outbound");
    expect(event).toEqual({ type: "outbound", packet: udp({ source, destination: OUTSIDE, hopLimit: 9 }) });
  });

  it("with no hop left are dropped, and their source told (RFC 4443 3.3)", () => {
    const node = new LoneNode();
    node.receive(NEIGHBOR, udp({ source: addressOnPrefix(PREFIX, NEIGHBOR), destination: OUTSIDE, hopLimit: 1 }));
    node.run(1_000);
    expect(node.machine.counters.ipv6.hopLimitExceeded).toBe(1);
    expect(node.events.filter(({ type }) => type === "outbound")).toEqual([]);
  });

  it("to nobody we know are unreachable", () => {
    const node = new LoneNode();
    node.machine.sendUdp(0, {
      sourcePort: 1,
      destination: parseAddress("2001:db8:1::99"),
      destinationPort: 2,
      payload: fromHex("00"),
    });
    node.run(0);
    expect(node.events.find(({ type }) => type === "icmp-error")).toMatchObject({
      error: { type: "destination-unreachable", code: 0 },
    });
    expect(node.machine.counters.ipv6.noRoute).toBe(1);
  });

  it("from link-local sources do not leave the link (RFC 4291 2.5.6)", () => {
    const node = new LoneNode();
    node.receive(NEIGHBOR, udp({ destination: OUTSIDE }));
    node.run(0);
    expect(node.events.filter(({ type }) => type === "outbound")).toEqual([]);
  });

  it("come in from outside, and are carried to who has registered", () => {
    const network = new Network({ seed: 1 });
    network.add("border-router", { x: 0, y: 0 });
    network.add("host", { x: 5, y: 0 });
    network.runUntilJoined();
    network.machine(1).bind(5683);
    const packet = udp({ source: OUTSIDE, destination: network.global(1) });
    network.node(0).act((machine, now) => machine.sendPacket(now, packet));
    network.run(1_000);
    expect(network.eventsOf("datagram", 1)).toMatchObject([{ source: OUTSIDE, payload: fromHex("0102") }]);
    // And the answer goes out again.
    network
      .node(1)
      .act((machine, now) =>
        machine.sendUdp(now, { sourcePort: 5683, destination: OUTSIDE, destinationPort: 4321, payload: fromHex("ff") }),
      );
    network.run(1_000);
    const [outbound] = network.eventsOf("outbound", 0);
    expect(toHex(outbound?.packet.subarray(24, 40) ?? new Uint8Array(0))).toBe(toHex(OUTSIDE));
  });
});

describe("what cannot be right", () => {
  it.each([
    [
      "an unknown next header",
      encodeIpv6({ source: NEIGHBOR_LOCAL, destination: OURS, hopLimit: 64, nextHeader: 253 }, fromHex("00")),
      "parameter-problem",
    ],
    [
      "no next header",
      encodeIpv6(
        { source: NEIGHBOR_LOCAL, destination: OURS, hopLimit: 64, nextHeader: NEXT_HEADER.none },
        fromHex("00"),
      ),
      undefined,
    ],
    [
      "an extension header cut short",
      encodeIpv6({ source: NEIGHBOR_LOCAL, destination: OURS, hopLimit: 64, nextHeader: 60 }, fromHex("3a")),
      undefined,
    ],
    [
      "a multicast source",
      encodeIpv6({ source: parseAddress("ff02::1"), destination: OURS, hopLimit: 64, nextHeader: 253 }, fromHex("00")),
      undefined,
    ],
    [
      "a fragment of IPv6",
      encodeIpv6(
        { source: NEIGHBOR_LOCAL, destination: OURS, hopLimit: 64, nextHeader: 44 },
        fromHex("1100000100000000 0102030405060708"),
      ),
      "parameter-problem",
    ],
  ] as const)("%s", (_title, packet, answer) => {
    const node = new LoneNode();
    node.receive(NEIGHBOR, packet);
    expect(icmpSent(node).map(({ icmp }) => icmp?.type)).toEqual(answer === undefined ? [] : [answer]);
  });

  it("is told ten times a second, not more (RFC 4443 2.4 f)", () => {
    const node = new LoneNode();
    let answers = 0;
    for (let i = 0; i < 100; i++) {
      node.receive(NEIGHBOR, udp());
      node.run(10);
      answers += node.takeSent().filter(({ icmp }) => icmp?.type === "destination-unreachable").length;
    }
    // A burst of ten, and ten in this second.
    expect(answers).toBeGreaterThan(15);
    expect(answers).toBeLessThanOrEqual(20);
  });

  it("is never told about an error (RFC 4443 2.4 e)", () => {
    const node = new LoneNode();
    const error = { type: "destination-unreachable", code: 4, value: 0, packet: udp() } as const;
    node.receive(NEIGHBOR, encodeIcmpv6Packet({ source: NEIGHBOR_LOCAL, destination: OURS, hopLimit: 64 }, error));
    expect(icmpSent(node)).toEqual([]);
    expect(node.events.find(({ type }) => type === "icmp-error")).toMatchObject({ source: NEIGHBOR_LOCAL, error });
  });

  it("a border router without its options, and another node with them", () => {
    expect(() => new LoneNode({ role: "host", borderRouter: { prefix: PREFIX } })).toThrow(TypeError);
    expect(() => new LoneNode({ role: "border-router" })).toThrow(TypeError);
  });
});
