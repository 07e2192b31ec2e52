import { fromHex, toHex } from "@isthmus/bytes";
import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { nodeCcmStar } from "../src/ccm-star-node.js";
import {
  airTimeMs,
  interframeSpacingMs,
  Mac,
  type MacEvent,
  type MacOptions,
  MacSecurity,
  type ObservedTransmission,
  type Position,
  Simulation,
  SYMBOL_MS,
  unitDisk,
} from "../src/medium/index.js";
import {
  acknowledgement,
  broadcastAddress,
  decodeFrame,
  encodeFrame,
  type LinkAddress,
  macFrame,
  parseLinkAddress,
  shortAddress,
} from "../src/wire/index.js";

const ADDRESSES = Array.from({ length: 20 }, (_, i) => Uint8Array.of(2, 0, 0, 0, 0x12, 0x34, 0, i));
const addressOf = (index: number): LinkAddress => ADDRESSES[index] ?? broadcastAddress();

/** MACs on a medium, with all that was on the air and all that they told. */
class Pan {
  readonly transmissions: ObservedTransmission[] = [];
  readonly events: (MacEvent & { node: number; at: number })[] = [];
  readonly simulation: Simulation;
  readonly nodes;

  constructor(
    positions: readonly Position[],
    options: { loss?: number; seed?: number; range?: number; mac?: Partial<MacOptions> } = {},
  ) {
    const seed = options.seed ?? 1;
    this.simulation = new Simulation({
      seed,
      propagation: unitDisk({ rangeMetres: options.range ?? 10, loss: options.loss ?? 0 }),
      observer: (transmission) => this.transmissions.push(transmission),
    });
    this.nodes = positions.map((position, index) =>
      this.simulation.add({
        position,
        build: (radio) =>
          new Mac({
            radio,
            random: new SeededRandom(seed * 100 + index),
            address: addressOf(index),
            panId: 0x23,
            ...options.mac,
          }),
      }),
    );
  }

  send(from: number, to: LinkAddress, payload: Uint8Array, handle = 0): void {
    this.nodes[from]?.act((mac, now) => mac.send(now, { destination: to, payload, handle }));
  }

  run(milliseconds: number): void {
    const until = this.simulation.now + milliseconds;
    while (this.simulation.now < until) {
      this.simulation.runUntil(Math.min(until, this.simulation.nextDeadline()));
      this.#collect();
    }
  }

  #collect(): void {
    for (const [node, { machine }] of this.nodes.entries()) {
      for (const event of machine.takeEvents()) this.events.push({ ...event, node, at: this.simulation.now });
    }
  }

  mac(index: number): Mac {
    const node = this.nodes[index];
    if (node === undefined) throw new RangeError(`there is no node ${index}`);
    return node.machine;
  }

  get received(): { node: number; payload: string }[] {
    return this.events.flatMap((event) =>
      event.type === "received" ? [{ node: event.node, payload: toHex(event.frame.payload) }] : [],
    );
  }

  get sent(): { status: string; attempts: number }[] {
    return this.events.flatMap((event) =>
      event.type === "sent" ? [{ status: event.status, attempts: event.attempts }] : [],
    );
  }
}

const NEAR = [
  { x: 0, y: 0 },
  { x: 5, y: 0 },
];

describe("an acknowledged frame", () => {
  const pan = new Pan(NEAR);
  pan.send(0, addressOf(1), fromHex("0102"), 7);
  pan.run(100);
  const [data, ack] = pan.transmissions;

  it("waits whole backoff periods, an assessment and a turnaround (2015 6.2.5.1)", () => {
    const backoff = (data?.startsAt ?? 0) / SYMBOL_MS - 8 - 12;
    expect(backoff % 20).toBeCloseTo(0, 6);
    expect(Math.round(backoff / 20)).toBeLessThan(8);
  });

  it("takes 32 µs an octet, with preamble, delimiter and length (250 kbit/s)", () => {
    // 23 octets of header, payload and check sequence, and 6 before them.
    expect(data?.psdu).toHaveLength(25);
    expect((data?.endsAt ?? 0) - (data?.startsAt ?? 0)).toBeCloseTo(31 * 0.032, 9);
  });

  it("is acknowledged 12 symbols after its end, well within 54 (2015 6.7.4.2)", () => {
    expect((ack?.startsAt ?? 0) - (data?.endsAt ?? 0)).toBeCloseTo(12 * SYMBOL_MS, 9);
    expect(decodeFrame(ack?.psdu ?? new Uint8Array(0))).toMatchObject({ type: "acknowledgement", version: 0 });
    expect((ack?.endsAt ?? 0) - (data?.endsAt ?? 0)).toBeLessThan(54 * SYMBOL_MS);
  });

  it("is told as sent on one side and received on the other", () => {
    expect(pan.sent).toEqual([{ status: "success", attempts: 1 }]);
    expect(pan.received).toEqual([{ node: 1, payload: "0102" }]);
  });
});

describe("frames one after the other", () => {
  it("leave the interframe spacing between them: 12 symbols up to 18 octets, 40 beyond (2015 6.2.4)", () => {
    expect(interframeSpacingMs(18)).toBeCloseTo(12 * SYMBOL_MS);
    expect(interframeSpacingMs(19)).toBeCloseTo(40 * SYMBOL_MS);
    const pan = new Pan(NEAR, { mac: { minBe: 0 } });
    for (let i = 0; i < 3; i++) pan.send(0, addressOf(1), new Uint8Array(50).fill(i));
    pan.run(100);
    const data = pan.transmissions.filter(({ psdu }) => psdu.length > 5);
    const acks = pan.transmissions.filter(({ psdu }) => psdu.length === 5);
    for (let i = 0; i < 2; i++) {
      // No backoff, but still assessment and turnaround.
      const gap = (data[i + 1]?.startsAt ?? 0) - (acks[i]?.endsAt ?? 0);
      expect(gap).toBeCloseTo((40 + 8 + 12) * SYMBOL_MS, 6);
    }
    expect(pan.received.map(({ payload }) => payload.slice(0, 2))).toEqual(["00", "01", "02"]);
  });

  it("are refused when too many wait, and a payload that fits no frame is the caller's mistake", () => {
    const pan = new Pan(NEAR, { mac: { maxQueueLength: 2 } });
    for (let handle = 0; handle < 3; handle++) pan.send(0, addressOf(1), fromHex("00"), handle);
    pan.run(100);
    expect(pan.sent.map(({ status }) => status)).toEqual(["refused", "success", "success"]);
    const room = pan.mac(0).maxPayload(addressOf(1));
    expect(room).toBe(104);
    expect(pan.mac(0).maxPayload(shortAddress(1))).toBe(110);
    expect(() => pan.send(0, addressOf(1), new Uint8Array(room))).not.toThrow();
    expect(() => pan.send(0, addressOf(1), new Uint8Array(room + 1))).toThrow(RangeError);
  });
});

describe("a frame that nobody acknowledges", () => {
  it("is sent four times, 54 symbols and a new backoff apart (2015 6.7.4.3)", () => {
    const pan = new Pan(NEAR);
    pan.send(0, addressOf(9), fromHex("00"));
    pan.run(200);
    expect(pan.sent).toEqual([{ status: "no-ack", attempts: 4 }]);
    expect(new Set(pan.transmissions.map(({ psdu }) => toHex(psdu))).size).toBe(1);
    for (const [i, { startsAt }] of pan.transmissions.entries()) {
      if (i > 0) expect(startsAt - (pan.transmissions[i - 1]?.endsAt ?? 0)).toBeGreaterThan(54 * SYMBOL_MS);
    }
    expect(pan.mac(0).counters).toMatchObject({ framesSent: 4, retries: 3, noAcks: 1 });
  });

  it("is not asked to be when it goes to everyone", () => {
    const pan = new Pan([...NEAR, { x: 0, y: 5 }]);
    pan.send(0, broadcastAddress(), fromHex("00"));
    pan.run(100);
    expect(pan.sent).toEqual([{ status: "success", attempts: 1 }]);
    expect(pan.received.map(({ node }) => node)).toEqual([1, 2]);
    expect(pan.transmissions).toHaveLength(1);
  });
});

describe("a busy channel", () => {
  it("is tried five times, then the frame is given up (2015 6.2.5.1)", () => {
    const isChannelClear = (): boolean => false;
    const random = new SeededRandom(1);
    let transmitted = 0;
    const radio = { isChannelClear, transmit: () => ++transmitted };
    const mac = new Mac({ radio, random, address: addressOf(0), panId: 0x23 });
    mac.send(0, { destination: addressOf(1), payload: fromHex("00"), handle: 3 });
    const assessments: number[] = [];
    while (mac.nextDeadline() < 1000) {
      assessments.push(mac.nextDeadline());
      mac.handleTimeout(mac.nextDeadline());
    }
    // The fifth finds the channel busy as well; the sixth deadline ends the spacing.
    expect(assessments).toHaveLength(6);
    expect(mac.takeEvents()).toMatchObject([
      { type: "sent", handle: 3, status: "channel-access-failure", attempts: 0 },
    ]);
    expect(transmitted).toBe(0);
  });

  const circle = Array.from({ length: 12 }, (_, i) => ({ x: Math.cos(i), y: Math.sin(i) }));
  const successes = (pan: Pan): number => pan.sent.filter(({ status }) => status === "success").length;

  it("is shared: of what many send now and then, almost all gets through", () => {
    const pan = new Pan(circle);
    const random = new SeededRandom(9);
    for (let i = 0; i < 330; i++) {
      const from = 1 + (i % 11);
      pan.simulation.at(random.nextFloat() * 10_000, () => pan.send(from, addressOf(0), new Uint8Array(40).fill(i)));
    }
    pan.run(11_000);
    expect(pan.sent).toHaveLength(330);
    expect(successes(pan)).toBeGreaterThan(310);
  });

  it("that all want at once serves few, but never more than there is air time, and never stands still", () => {
    const pan = new Pan(circle);
    for (let i = 0; i < 110; i++) pan.send(1 + (i % 11), addressOf(0), Uint8Array.of(i, ...new Uint8Array(40)));
    pan.run(2_000);
    expect(pan.sent).toHaveLength(110);
    const delivered = new Set(pan.received.filter(({ node }) => node === 0).map(({ payload }) => payload));
    expect(delivered.size).toBeGreaterThanOrEqual(successes(pan));
    expect(successes(pan)).toBeGreaterThan(10);
    const airTime = pan.transmissions.reduce((sum, { psdu }) => sum + airTimeMs(psdu.length), 0);
    expect(airTime).toBeLessThan(2_000);
  });
});

describe("a lossy link", () => {
  it("delivers each frame that was acknowledged exactly once, and duplicates are counted", () => {
    const pan = new Pan(NEAR, { loss: 0.3, seed: 42, mac: { maxQueueLength: 600 } });
    for (let i = 0; i < 500; i++) pan.send(0, addressOf(1), Uint8Array.of(i >>> 8, i), i);
    pan.run(30_000);
    const delivered = pan.received.map(({ payload }) => payload);
    expect(new Set(delivered).size).toBe(delivered.length);
    const sent = pan.events.filter((event) => event.type === "sent");
    for (const { handle, status } of sent) {
      if (status === "success") expect(delivered).toContain(handle.toString(16).padStart(4, "0"));
    }
    const success = sent.filter(({ status }) => status === "success").length / 500;
    // An attempt succeeds with 0.7 for the frame and 0.7 for the acknowledgement: all four fail with 0.51^4.
    expect(success).toBeGreaterThan(1 - 0.51 ** 4 - 0.06);
    expect(success).toBeLessThan(1 - 0.51 ** 4 + 0.06);
    expect(pan.mac(1).counters.duplicates).toBeGreaterThan(50);
  });

  it("does the same for the same seed, and something else for another", () => {
    const run = (seed: number): string => {
      const pan = new Pan(NEAR, { loss: 0.3, seed });
      for (let i = 0; i < 20; i++) pan.send(0, addressOf(1), Uint8Array.of(i));
      pan.run(5_000);
      return JSON.stringify(
        pan.transmissions.map(({ startsAt, receptions }) => [startsAt, receptions.map((r) => r.outcome)]),
      );
    };
    expect(run(5)).toBe(run(5));
    expect(run(5)).not.toBe(run(6));
  });
});

describe("what a MAC takes", () => {
  const radio = { isChannelClear: () => true, transmit: () => 0.352 };
  const macOf = (options: Partial<MacOptions> = {}): Mac =>
    new Mac({
      radio,
      random: new SeededRandom(1),
      address: addressOf(0),
      shortAddress: shortAddress(0x11),
      panId: 0x23,
      ...options,
    });
  const data = (fields: object): Uint8Array =>
    encodeFrame(macFrame({ type: "data", sequenceNumber: 1, destinationPanId: 0x23, source: addressOf(1), ...fields }));
  const takes = (mac: Mac, psdu: Uint8Array): boolean => {
    mac.receive(0, psdu);
    return mac.takeEvents().some(({ type }) => type === "received");
  };

  it.each([
    ["its extended address", { destination: addressOf(0) }, true],
    ["its short address", { destination: shortAddress(0x11) }, true],
    ["everyone", { destination: broadcastAddress() }, true],
    ["everyone in any PAN", { destination: broadcastAddress(), destinationPanId: 0xffff }, true],
    ["another extended address", { destination: addressOf(1) }, false],
    ["another short address", { destination: shortAddress(0x12) }, false],
    ["another PAN", { destination: addressOf(0), destinationPanId: 0x24 }, false],
    ["nobody", { destinationPanId: undefined, sourcePanId: 0x23 }, false],
  ])("a frame to %s: %s", (_title, fields, expected) => {
    expect(takes(macOf(), data(fields))).toBe(expected);
  });

  it("all PANs when its own is the broadcast PAN", () => {
    expect(takes(macOf({ panId: 0xffff }), data({ destination: addressOf(0), destinationPanId: 0x24 }))).toBe(true);
  });

  it("frames with a wrong check sequence only when told to", () => {
    const psdu = data({ destination: addressOf(0) });
    psdu[psdu.length - 1] = (psdu[psdu.length - 1] ?? 0) ^ 1;
    const strict = macOf();
    expect(takes(strict, psdu)).toBe(false);
    expect(strict.counters.invalid).toBe(1);
    expect(takes(macOf({ fcs: "unchecked" }), psdu)).toBe(true);
  });

  it("the same sequence number again when two seconds have passed", () => {
    const mac = macOf();
    const psdu = data({ destination: addressOf(0) });
    for (const at of [0, 1, 1_999, 3_999]) mac.receive(at, psdu);
    expect(mac.takeEvents()).toHaveLength(2);
    expect(mac.counters.duplicates).toBe(2);
  });

  it("answers a 2015 frame with an enhanced acknowledgement (2015 6.7.4.2)", () => {
    const acks: Uint8Array[] = [];
    const recording = { isChannelClear: () => true, transmit: (_: number, psdu: Uint8Array) => acks.push(psdu) };
    const mac = macOf({ radio: recording });
    mac.receive(0, data({ version: 2, isAckRequested: true, destinationPanId: undefined, destination: addressOf(0) }));
    expect(mac.nextDeadline()).toBeCloseTo(12 * SYMBOL_MS);
    mac.handleTimeout(mac.nextDeadline());
    expect(decodeFrame(acks[0] ?? new Uint8Array(0))).toMatchObject({
      type: "acknowledgement",
      version: 2,
      sequenceNumber: 1,
      destination: addressOf(1),
    });
  });

  it("does not take an acknowledgement that it does not wait for", () => {
    const mac = macOf();
    mac.receive(0, encodeFrame(acknowledgement(5)));
    expect(mac.counters.acksReceived).toBe(0);
    expect(mac.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a secured PAN", () => {
  const key = fromHex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf");
  const securityOf = (index: number, options: object = {}): MacSecurity =>
    new MacSecurity({ ccmStar: nodeCcmStar, address: addressOf(index), level: 5, key, ...options });

  it("leaves 19 octets less and delivers what it was given", () => {
    const simulation = new Simulation({ seed: 1, propagation: unitDisk({ rangeMetres: 10 }) });
    const [sender, receiver] = NEAR.map((position, index) =>
      simulation.add({
        position,
        build: (radio) =>
          new Mac({
            radio,
            random: new SeededRandom(index),
            address: addressOf(index),
            panId: 0x23,
            security: securityOf(index),
          }),
      }),
    );
    // 104, less a security header of 6 octets and a MIC of 4.
    const room = sender?.machine.maxPayload(addressOf(1)) ?? 0;
    expect(room).toBe(94);
    sender?.act((mac, now) =>
      mac.send(now, { destination: addressOf(1), payload: new Uint8Array(room).fill(9), handle: 0 }),
    );
    simulation.runFor(100);
    const [event] = receiver?.machine.takeEvents() ?? [];
    expect(event).toMatchObject({
      type: "received",
      frame: { payload: new Uint8Array(room).fill(9), security: { level: 5 } },
    });
  });

  it("refuses what is not secured, is secured less, is replayed, or comes under another key", () => {
    const sender = securityOf(1);
    const receiver = securityOf(0);
    const clear = macFrame({
      type: "data",
      sequenceNumber: 1,
      destinationPanId: 0x23,
      destination: addressOf(0),
      source: addressOf(1),
      payload: fromHex("0102"),
    });
    const sealed = sender.seal(clear);
    expect(receiver.open(sealed).payload).toEqual(clear.payload);
    expect(() => receiver.open(sealed)).toThrow(/counter 0 after 0/);
    expect(() => receiver.open(clear)).toThrow(/unsecured/);
    expect(() => receiver.open(securityOf(1, { level: 1, frameCounter: 9 }).seal(clear))).toThrow(/level 1/);
    expect(() => receiver.open(securityOf(1, { keyIndex: 2 }).seal(clear))).toThrow(/no key 2/);
    const wrongKey = securityOf(1, { key: new Uint8Array(16), frameCounter: 5 }).seal(clear);
    expect(() => receiver.open(wrongKey)).toThrow(/integrity/);
    // A frame that was refused does not count: the true one with a lower counter is still taken.
    expect(receiver.open(sender.seal(clear)).payload).toEqual(clear.payload);
  });

  it("needs the extended address of a sender that gives its short one", () => {
    const clear = macFrame({
      type: "data",
      sequenceNumber: 1,
      destinationPanId: 0x23,
      destination: addressOf(0),
      source: shortAddress(0x1234),
      payload: fromHex("0102"),
    });
    const sealed = securityOf(1).seal(clear);
    expect(() => securityOf(0).open(sealed)).toThrow(/not known/);
    const knowing = securityOf(0, { extendedAddressOf: () => parseLinkAddress("02:00:00:00:12:34:00:01") });
    expect(knowing.open(sealed).payload).toEqual(clear.payload);
  });

  it("stops before its counter wraps", () => {
    const last = securityOf(0, { frameCounter: 0xffff_fffe });
    const clear = macFrame({ type: "data", sequenceNumber: 1, payload: fromHex("00") });
    expect(() => last.seal(clear)).not.toThrow();
    expect(() => last.seal(clear)).toThrow(RangeError);
  });
});
