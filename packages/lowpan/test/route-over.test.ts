import { describe, expect, it } from "vitest";
import type { LowpanNodeOptions } from "../src/stack/index.js";
import { formatAddress, insertRplOption, encodeUdpPacket, linkLocalAddress, parseAddress } from "../src/wire/index.js";
import { LoneNode } from "./lone-node.js";
import { addressOf, Network, PREFIX } from "./network.js";

/** A border router and routers in a row, 8 m apart: each hears its neighbours only. The last may be a host. */
function line(
  count: number,
  options: { seed?: number; loss?: number; lastIsHost?: boolean; node?: Partial<LowpanNodeOptions> } = {},
): Network {
  const network = new Network({ seed: options.seed ?? 1, loss: options.loss ?? 0 });
  for (let i = 0; i < count; i++) {
    const role = i === 0 ? "border-router" : i === count - 1 && options.lastIsHost === true ? "host" : "router";
    network.add(role, { x: 8 * i, y: 0 }, options.node ?? {});
  }
  return network;
}

describe("a row of routers", () => {
  const network = line(6, { lastIsHost: true });
  network.runUntilJoined(300_000);

  it("finds its order: each one's parent is the one before, ranks rise (RFC 6550 3.5)", () => {
    for (let i = 1; i <= 4; i++) {
      expect(network.text(network.machine(i).parent)).toBe(formatAddress(linkLocalAddress(addressOf(i - 1))));
      expect(network.machine(i).rank ?? 0).toBeGreaterThan(network.machine(i - 1).rank ?? 0);
    }
    expect(network.text(network.machine(5).parent)).toBe("fe80::4");
    expect(network.machine(0).rank).toBe(256);
  });

  it("tells the border router the way to everyone, hosts too (RFC 6550 9)", () => {
    const targets = network.machine(0).routes.map(({ target }) => formatAddress(target));
    expect(targets.sort()).toEqual([1, 2, 3, 4, 5].map((i) => `2001:db8:1::${i}`));
    for (const { nextHop } of network.machine(0).routes) expect(formatAddress(nextHop)).toBe("fe80::1");
    expect(network.machine(4).routes).toEqual([]);
  });

  it("carries packets up, down, and across where the ways meet, in fragments too", () => {
    expect(network.ping(0, network.global(5))).toBe(true);
    expect(network.ping(5, network.global(0), 1_000)).toBe(true);
    expect(network.ping(4, network.global(2))).toBe(true);
    expect(network.machine(0).counters.ipv6.forwarded).toBe(0);
  });

  it("counts hops: a packet with too few is dropped on the way, and its source told", () => {
    network.node(0).act((machine, now) =>
      machine.sendUdp(now, {
        sourcePort: 1,
        destination: network.global(5),
        destinationPort: 2,
        payload: new Uint8Array(1),
        hopLimit: 3,
      }),
    );
    network.run(5_000);
    const [error] = network.eventsOf("icmp-error", 0);
    expect(error?.error.type).toBe("time-exceeded");
    // The third router had none left to give.
    expect(network.text(error?.source)).toBe("2001:db8:1::3");
  });
});

describe("a mesh that loses a router", () => {
  it("finds another way, and forgets the old one", () => {
    // 1 and 2 both reach the border router and 3.
    const network = new Network({ seed: 2 });
    network.add("border-router", { x: 0, y: 0 });
    network.add("router", { x: 8, y: 2 });
    network.add("router", { x: 8, y: -2 });
    network.add("router", { x: 16, y: 0 });
    network.runUntilJoined(300_000);
    const used = network.text(network.machine(3).parent) === "fe80::1" ? 1 : 2;
    expect(network.ping(0, network.global(3))).toBe(true);
    network.silence(used);
    for (let i = 0; i < 12; i++) network.ping(3, network.global(0));
    network.run(60_000);
    expect(network.text(network.machine(3).parent)).toBe(`fe80::${3 - used}`);
    expect(network.ping(0, network.global(3))).toBe(true);
    expect(network.ping(3, network.global(0))).toBe(true);
  });

  it("says that there is no way left, and joins again when there is (RFC 6550 8.2.2.5)", () => {
    const network = line(4, { seed: 3 });
    network.runUntilJoined(300_000);
    network.silence(1);
    for (let i = 0; i < 12; i++) network.ping(3, network.global(0));
    network.run(120_000);
    expect(network.machine(2).rank).toBe(0xffff);
    // A new one in the old one's place.
    const index = network.add("router", { x: 8, y: 1 });
    network.run(300_000);
    expect(network.text(network.machine(2).parent)).toBe(`fe80::${index}`);
    expect(network.ping(0, network.global(3))).toBe(true);
  });
});

describe("a host that moves", () => {
  it.each([false, true])("is found at its new router (extended registration: %s)", (registersExtended) => {
    const network = new Network({ seed: 4 });
    network.add("border-router", { x: 0, y: 0 });
    network.add("router", { x: 8, y: 0 });
    network.add("router", { x: 0, y: 8 });
    const host = network.add("host", { x: 16, y: 0 }, { registersExtended });
    network.runUntilJoined(300_000);
    expect(network.text(network.machine(host).parent)).toBe("fe80::1");
    network.node(host).moveTo({ x: 0, y: 16 });
    for (let i = 0; i < 12; i++) network.ping(host, network.global(0));
    network.run(120_000);
    expect(network.text(network.machine(host).parent)).toBe("fe80::2");
    expect(network.ping(host, network.global(0))).toBe(true);
    expect(network.ping(0, network.global(host))).toBe(true);
  });
});

describe("packets that go the wrong way (RFC 6550 11.2)", () => {
  /** A router in the middle, its parent and child played by the test. */
  const parent = addressOf(1);
  const child = addressOf(2);
  const target = parseAddress("2001:db8:1::2");

  function middle(): LoneNode {
    const node = new LoneNode();
    // The border router itself is the middle: its child has told it of a way down.
    node.receiveIcmp(child, linkLocalAddress(child), linkLocalAddress(addressOf(0)), {
      type: "dao",
      instanceId: 30,
      wantsAck: true,
      sequence: 241,
      dodagId: undefined,
      options: [
        { type: "rpl-target", prefix: target, prefixLength: 128 },
        {
          type: "transit-information",
          isExternal: false,
          pathControl: 0,
          pathSequence: 241,
          pathLifetime: 30,
          parent: undefined,
        },
      ],
    });
    node.run(100);
    return node;
  }

  const packet = (destination: Uint8Array, fields: object = {}): Uint8Array =>
    insertRplOption(
      encodeUdpPacket(
        { source: parseAddress("2001:db8:1::1"), destination, hopLimit: 20 },
        { sourcePort: 1, destinationPort: 2, payload: new Uint8Array(4) },
      ),
      { isDown: false, hasRankError: false, hasForwardingError: false, instanceId: 30, senderRank: 512, ...fields },
    );

  it("a DAO is acknowledged and makes a route", () => {
    const node = middle();
    expect(node.takeSent().some(({ icmp }) => icmp?.type === "dao-ack" && icmp.status === 0)).toBe(true);
    expect(node.machine.routes).toMatchObject([{ target, nextHop: linkLocalAddress(child) }]);
  });

  it("a packet from below, to someone below, turns round", () => {
    const node = middle();
    node.takeSent();
    node.receive(parent, packet(target));
    node.run(100);
    const [sent] = node.takeSent().filter(({ header }) => header.nextHeader === 0);
    expect(sent?.link).toEqual(child);
    // O is set now, and the rank is ours.
    expect(sent?.packet[44]).toBe(0x80);
  });

  it("a rank error is noted once, and the second time the packet is dropped", () => {
    const node = middle();
    node.takeSent();
    // Down, though its sender is no higher than we are.
    node.receive(parent, packet(target, { isDown: true, senderRank: 512 }));
    node.run(100);
    const [sent] = node.takeSent().filter(({ header }) => header.nextHeader === 0);
    expect(sent?.packet[44]).toBe(0xc0);
    node.receive(parent, packet(target, { isDown: true, senderRank: 512, hasRankError: true }));
    node.run(100);
    expect(node.takeSent().filter(({ header }) => header.nextHeader === 0)).toEqual([]);
    expect(node.machine.counters.ipv6.loops).toBe(1);
  });

  it("a packet that the child sends back takes its route along", () => {
    const node = middle();
    node.takeSent();
    node.receive(child, packet(target, { isDown: true, hasForwardingError: true }));
    node.run(100);
    expect(node.machine.routes).toEqual([]);
    // Neither to its destination nor, for the error, to its source.
    expect(node.machine.counters.ipv6.noRoute).toBe(2);
  });

  it("a route that is taken back by who told of it is gone, by another not", () => {
    const node = middle();
    const takeBack = (from: Uint8Array): void =>
      node.receiveIcmp(from, linkLocalAddress(from), linkLocalAddress(addressOf(0)), {
        type: "dao",
        instanceId: 30,
        wantsAck: false,
        sequence: 242,
        dodagId: undefined,
        options: [
          { type: "rpl-target", prefix: target, prefixLength: 128 },
          {
            type: "transit-information",
            isExternal: false,
            pathControl: 0,
            pathSequence: 241,
            pathLifetime: 0,
            parent: undefined,
          },
        ],
      });
    takeBack(parent);
    expect(node.machine.routes).toHaveLength(1);
    takeBack(child);
    expect(node.machine.routes).toEqual([]);
  });
});

describe("a lossy mesh", () => {
  it("carries every ping, up and down four hops, at 20 % loss a link", () => {
    const network = line(5, { seed: 11, loss: 0.2, lastIsHost: true });
    network.runUntilJoined(600_000);
    let replies = 0;
    for (let i = 0; i < 100; i++) {
      if (network.ping(0, network.global(4), 100)) replies++;
      if (network.ping(4, network.global(0), 100)) replies++;
    }
    expect(replies).toBeGreaterThanOrEqual(198);
    for (let i = 0; i < 5; i++) expect(network.machine(i).reassemblies).toBe(0);
  });

  it("does the same for the same seed, and something else for another", () => {
    const run = (seed: number): string => {
      const network = line(4, { seed, loss: 0.2 });
      network.run(120_000);
      return JSON.stringify([
        network.events.map(({ type, at, node }) => [type, at, node]),
        network.simulation.medium.counters,
      ]);
    };
    expect(run(4)).toBe(run(4));
    expect(run(4)).not.toBe(run(5));
  });

  it("works with objective function zero as well, and without RPL in the reach of the border router", () => {
    const zero = line(4, { node: { rplRoot: { configuration: { objectiveCodePoint: 0 } } } });
    zero.runUntilJoined(300_000);
    expect(zero.ping(0, zero.global(3))).toBe(true);
    const plain = new Network({ seed: 1 });
    plain.add("border-router", { x: 0, y: 0 }, { rpl: false });
    plain.add("host", { x: 5, y: 0 });
    plain.add("host", { x: -5, y: 0 });
    plain.runUntilJoined();
    expect(plain.ping(1, plain.global(2))).toBe(true);
    expect(plain.machine(0).rank).toBeUndefined();
    expect(formatAddress(plain.global(1)).startsWith(formatAddress(PREFIX))).toBe(true);
  });

  it("of 60 nodes joins within minutes", () => {
    const network = new Network({ seed: 5, loss: 0.1 });
    network.add("border-router", { x: 28, y: 28 });
    for (let i = 0; i < 60; i++)
      network.add(i % 3 === 0 ? "host" : "router", { x: (i % 8) * 7, y: Math.floor(i / 8) * 7 });
    network.runUntilJoined(900_000);
    let replies = 0;
    for (let i = 1; i <= 60; i += 7) if (network.ping(0, network.global(i))) replies++;
    expect(replies).toBe(9);
  });
});
