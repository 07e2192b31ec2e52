import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import {
  logDistance,
  Mac,
  Medium,
  oQpskBitErrorRate,
  type Position,
  RADIO_CURRENTS,
  type SimulatedRadio,
  Simulation,
  unitDisk,
} from "../src/medium/index.js";

const PSDU = new Uint8Array(50);
/** 6 octets before the frame, 32 µs each. */
const AIR_TIME = 56 * 0.032;

/** Radios at these places that note what arrives. */
function radiosAt(medium: Medium, positions: readonly (Position & { powerDbm?: number })[]) {
  const arrivals: { at: number; to: number }[] = [];
  const radios = positions.map(({ powerDbm, ...position }, to) =>
    medium.add(0, {
      position,
      ...(powerDbm === undefined ? {} : { transmitPowerDbm: powerDbm }),
      receive: (at) => arrivals.push({ at, to }),
    }),
  );
  const radio = (index: number): SimulatedRadio => {
    const found = radios[index];
    if (found === undefined) throw new RangeError(`there is no radio ${index}`);
    return found;
  };
  return { radio, arrivals };
}

function finish(medium: Medium): void {
  while (medium.nextDeadline() < Number.POSITIVE_INFINITY) medium.handleTimeout(medium.nextDeadline());
}

const LINE = [0, 8, 16].map((x) => ({ x, y: 0 }));

describe("the medium", () => {
  it("brings a frame to all in range, when its last symbol has come in", () => {
    const medium = new Medium({ seed: 1, propagation: unitDisk({ rangeMetres: 10 }) });
    const { radio, arrivals } = radiosAt(medium, LINE);
    expect(radio(1).transmit(0, PSDU)).toBeCloseTo(AIR_TIME);
    finish(medium);
    expect(arrivals).toEqual([
      { at: AIR_TIME, to: 0 },
      { at: AIR_TIME, to: 2 },
    ]);
  });

  it("lets two that do not hear each other destroy each other's frames between them", () => {
    const medium = new Medium({ seed: 1, propagation: unitDisk({ rangeMetres: 10 }) });
    const { radio, arrivals } = radiosAt(medium, LINE);
    radio(0).transmit(0, PSDU);
    expect(radio(2).isChannelClear(0.5)).toBe(true);
    radio(2).transmit(0.5, PSDU);
    finish(medium);
    expect(arrivals).toEqual([]);
    expect(medium.counters).toMatchObject({ transmissions: 2, collided: 1, busy: 1, received: 0 });
  });

  it("is busy for those who hear a frame, and for the one who sends", () => {
    const medium = new Medium({ seed: 1, propagation: unitDisk({ rangeMetres: 10 }) });
    const { radio } = radiosAt(medium, LINE);
    radio(0).transmit(0, PSDU);
    expect([0, 1, 2].map((index) => radio(index).isChannelClear(1))).toEqual([false, false, true]);
    finish(medium);
    expect([0, 1, 2].map((index) => radio(index).isChannelClear(2))).toEqual([true, true, true]);
  });

  it("does not let a radio hear while it sends", () => {
    const medium = new Medium({ seed: 1, propagation: unitDisk({ rangeMetres: 10 }) });
    const { radio, arrivals } = radiosAt(medium, LINE.slice(0, 2));
    radio(0).transmit(0, PSDU);
    radio(1).transmit(1, PSDU);
    finish(medium);
    expect(arrivals).toEqual([]);
    // The first was being received until its receiver began to send; the second began while its receiver was sending.
    expect(medium.counters.busy).toBe(2);
  });

  it("lets the stronger frame through, and its receiver change to one that begins in the other's preamble", () => {
    const near = { x: 1, y: 0 };
    const far = { x: 20, y: 0 };
    const propagation = logDistance({ shadowingDb: 0 });
    const received = (weakAt: number, strongAt: number): number[] => {
      const medium = new Medium({ seed: 1, propagation });
      const { radio, arrivals } = radiosAt(medium, [{ x: 0, y: 0 }, near, far]);
      const order: [number, number][] = [
        [weakAt, 2],
        [strongAt, 1],
      ];
      for (const [at, sender] of order.sort((a, b) => a[0] - b[0])) radio(sender).transmit(at, PSDU);
      finish(medium);
      return arrivals.filter(({ to }) => to === 0).map(({ at }) => at);
    };
    // The strong one first: nothing disturbs it.
    expect(received(0.5, 0)).toEqual([AIR_TIME]);
    // The weak one first, by less than preamble and delimiter (0.16 ms): the stronger takes over.
    expect(received(0, 0.1)).toEqual([AIR_TIME + 0.1]);
    // By more: the receiver is locked on to what is being destroyed.
    expect(received(0, 0.2)).toEqual([]);
  });

  it("loses as many frames as the link is said to", () => {
    const medium = new Medium({ seed: 7, propagation: unitDisk({ rangeMetres: 10, loss: 0.2 }) });
    const { radio, arrivals } = radiosAt(medium, LINE.slice(0, 2));
    for (let i = 0; i < 5_000; i++) {
      radio(0).transmit(medium.nextDeadline() === Number.POSITIVE_INFINITY ? i * 10 : 0, PSDU);
      finish(medium);
    }
    expect(arrivals.length / 5_000).toBeGreaterThan(0.78);
    expect(arrivals.length / 5_000).toBeLessThan(0.82);
  });
});

describe("the log-distance model", () => {
  const receptionAt = (metres: number): number => {
    const model = logDistance({ shadowingDb: 0, pathLossExponent: 3 });
    return 1 - (model.linkBetween({ x: 0, y: 0 }, { x: metres, y: 0 }, 0, 1)?.lossOf(50) ?? 1);
  };

  it("loses nothing near by, everything far away, and some in between", () => {
    expect(receptionAt(5)).toBeCloseTo(1, 9);
    expect(receptionAt(300)).toBe(0);
    const grey = Array.from({ length: 100 }, (_, i) => receptionAt(50 + i)).filter((p) => p > 0.05 && p < 0.95);
    expect(grey.length).toBeGreaterThan(3);
  });

  it("gives each link the same strength both ways, and unlike links unlike strengths", () => {
    const medium = new Medium({ seed: 3, propagation: logDistance({ shadowingDb: 6 }) });
    const strengths: number[] = [];
    const radios = [0, 10, 20].map((x) =>
      medium.add(0, { position: { x, y: 0 }, receive: (_now, _psdu, rssDbm) => strengths.push(rssDbm) }),
    );
    radios[0]?.transmit(0, PSDU);
    finish(medium);
    radios[1]?.transmit(10, PSDU);
    finish(medium);
    const [to1, , from1, other] = strengths;
    expect(to1).toBe(from1);
    // As far apart as the first pair, but with walls of their own.
    expect(other).not.toBe(to1);
  });

  it("takes the bit error rate of O-QPSK from the standard's formula", () => {
    expect(oQpskBitErrorRate(10)).toBeLessThan(1e-40);
    expect(oQpskBitErrorRate(0)).toBeGreaterThan(1e-5);
    expect(oQpskBitErrorRate(0)).toBeLessThan(1e-2);
    expect(oQpskBitErrorRate(-30)).toBeGreaterThan(0.4);
    for (let snr = -20; snr < 5; snr++) expect(oQpskBitErrorRate(snr)).toBeGreaterThan(oQpskBitErrorRate(snr + 1));
  });
});

describe("energy", () => {
  it("adds up the time in each mode with the radio's currents", () => {
    const medium = new Medium({ seed: 1, propagation: unitDisk({ rangeMetres: 10 }) });
    const radio = medium.add(0, {
      position: { x: 0, y: 0 },
      currents: RADIO_CURRENTS.cc2420,
      receive: () => undefined,
    });
    radio.transmit(100, PSDU);
    finish(medium);
    const report = radio.energy(1_000);
    expect(report.transmitMs).toBeCloseTo(AIR_TIME, 9);
    expect(report.receiveMs).toBeCloseTo(1_000 - AIR_TIME, 9);
    // 17.4 mA and 18.8 mA at 3 V.
    expect(report.energyJoules).toBeCloseTo((AIR_TIME * 17.4 + (1_000 - AIR_TIME) * 18.8) * 3e-6, 9);
    expect(report.chargeMah).toBeCloseTo((report.energyJoules / 3 / 3_600) * 1_000, 9);
  });
});

describe("the simulation", () => {
  it("lets each node live by its own clock", () => {
    const simulation = new Simulation({ seed: 1, propagation: unitDisk({ rangeMetres: 10 }) });
    const address = (index: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, 0, 0, index);
    const [fast, slow] = [40, -40].map((clockDriftPpm, index) =>
      simulation.add({
        position: { x: index, y: 0 },
        clockDriftPpm,
        build: (radio) => new Mac({ radio, random: new SeededRandom(index), address: address(index), panId: 1 }),
      }),
    );
    for (let i = 0; i < 30; i++) {
      fast?.act((mac, now) => mac.send(now, { destination: address(1), payload: Uint8Array.of(i), handle: i }));
    }
    simulation.runUntil(1_000_000);
    expect(fast?.now).toBeCloseTo(1_000_040, 3);
    expect(slow?.now).toBeCloseTo(999_960, 3);
    expect(fast?.machine.counters).toMatchObject({ acksReceived: 30, noAcks: 0 });
    expect(slow?.machine.counters.framesReceived).toBe(30);
  });

  it("does not go back", () => {
    const simulation = new Simulation({ seed: 1, propagation: unitDisk({ rangeMetres: 10 }) });
    const seen: number[] = [];
    simulation.at(5, () => seen.push(simulation.now));
    simulation.at(3, () => seen.push(simulation.now));
    simulation.runFor(10);
    expect(seen).toEqual([3, 5]);
    expect(simulation.now).toBe(10);
    expect(() => simulation.runUntil(9)).toThrow(RangeError);
  });
});
