/** Currents of a radio in milliamperes at its supply voltage, from its data sheet. */
export interface RadioCurrents {
  readonly name: string;
  readonly supplyVolts: number;
  readonly receiveMa: number;
  readonly transmitMa: number;
  readonly sleepMa: number;
  /** The output power that `transmitMa` is for, in dBm. */
  readonly transmitPowerDbm: number;
}

/** Radios whose currents are known, by name. */
export const RADIO_CURRENTS = {
  /** TI CC2420 data sheet SWRS041: 18.8 mA receiving, 17.4 mA sending at 0 dBm, 0.426 mA idle, 20 µA power down. */
  cc2420: {
    name: "CC2420",
    supplyVolts: 3,
    receiveMa: 18.8,
    transmitMa: 17.4,
    sleepMa: 0.02,
    transmitPowerDbm: 0,
  },
  /** Nordic nRF52840 product specification 1.7, DC/DC at 3 V: 4.6 mA receiving, 4.8 mA sending at 0 dBm, 1.5 µA. */
  nrf52840: {
    name: "nRF52840",
    supplyVolts: 3,
    receiveMa: 4.6,
    transmitMa: 4.8,
    sleepMa: 0.0015,
    transmitPowerDbm: 0,
  },
} as const satisfies Record<string, RadioCurrents>;

/** What a radio does: it costs differently. */
export type RadioMode = "receive" | "transmit" | "sleep";

/** How long a radio was in each mode, and what that took. */
export interface EnergyReport {
  readonly receiveMs: number;
  readonly transmitMs: number;
  readonly sleepMs: number;
  /** Charge in milliampere-hours, energy in joules. */
  readonly chargeMah: number;
  readonly energyJoules: number;
}

/** Adds up the time that a radio spends in each mode. */
export class EnergyMeter {
  readonly #currents: RadioCurrents;
  readonly #timeMs: Record<RadioMode, number> = { receive: 0, transmit: 0, sleep: 0 };
  #mode: RadioMode = "receive";
  #since: number;

  constructor(currents: RadioCurrents, now: number) {
    this.#currents = currents;
    this.#since = now;
  }

  enter(now: number, mode: RadioMode): void {
    this.#timeMs[this.#mode] += now - this.#since;
    this.#mode = mode;
    this.#since = now;
  }

  report(now: number): EnergyReport {
    this.enter(now, this.#mode);
    const { receive, transmit, sleep } = this.#timeMs;
    const { receiveMa, transmitMa, sleepMa, supplyVolts } = this.#currents;
    const milliampereMs = receive * receiveMa + transmit * transmitMa + sleep * sleepMa;
    return {
      receiveMs: receive,
      transmitMs: transmit,
      sleepMs: sleep,
      chargeMah: milliampereMs / 3_600_000,
      energyJoules: (milliampereMs * supplyVolts) / 1_000_000,
    };
  }
}
