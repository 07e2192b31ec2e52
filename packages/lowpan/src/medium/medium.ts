import { DeadlineQueue, type Instant, type Machine, SeededRandom } from "@isthmus/machine";
import { EnergyMeter, type EnergyReport, RADIO_CURRENTS, type RadioCurrents } from "./energy.js";
import type { Radio } from "./mac-service.js";
import { airTimeMs, SYNCHRONIZATION_MS } from "./phy.js";
import { DEFAULT_NOISE_DBM, type LinkQuality, type Position, type Propagation } from "./propagation.js";

/** How a {@link Medium} behaves. */
export interface MediumOptions {
  /** Seed of all its decisions. */
  readonly seed: number;
  readonly propagation: Propagation;
  /** Decibels by which a frame must be stronger than all else to be received. Default 3. */
  readonly captureDb?: number;
  /** The weakest frame that a receiver notices, in dBm. Default -100. */
  readonly sensitivityDbm?: number;
  /** Energy above which the channel is busy even without a frame noticed, in dBm. Default -77. */
  readonly ccaThresholdDbm?: number;
  readonly noiseDbm?: number;
  /** Is told of each frame when it ends: for captures and statistics. */
  readonly observer?: (transmission: ObservedTransmission) => void;
}

/** A frame that was on the air, and what became of it. */
export interface ObservedTransmission {
  readonly startsAt: Instant;
  readonly endsAt: Instant;
  readonly sender: SimulatedRadio;
  readonly psdu: Uint8Array;
  readonly receptions: readonly { readonly receiver: SimulatedRadio; readonly outcome: ReceptionOutcome }[];
}

/** Received; lost to noise; destroyed by another frame; or the receiver was busy with another, or sending itself. */
export type ReceptionOutcome = "received" | "lost" | "collided" | "busy";

/** A radio's place in the medium. */
export interface RadioOptions {
  readonly position: Position;
  /** Is given each frame that arrives, as its last symbol comes in. */
  readonly receive: (now: Instant, psdu: Uint8Array, rssDbm: number) => void;
  /** Default 0 dBm. */
  readonly transmitPowerDbm?: number;
  /** Default: the nRF52840's. */
  readonly currents?: RadioCurrents;
}

interface Link extends LinkQuality {
  readonly to: SimulatedRadio;
  readonly milliwatts: number;
}

interface Transmission {
  /** Who hears it: as it was when it began, should someone move meanwhile. */
  readonly links: readonly Link[];
  readonly sender: SimulatedRadio;
  readonly psdu: Uint8Array;
  readonly startsAt: Instant;
  readonly endsAt: Instant;
}

/** The frame that a receiver has locked on to. */
interface Reception {
  readonly transmission: Transmission;
  readonly link: Link;
  isCollided: boolean;
}

/** One radio in a {@link Medium}: half-duplex, always listening unless it sends. */
export class SimulatedRadio implements Radio {
  position: Position;
  readonly transmitPowerDbm: number;
  /** Used by the medium: what arrives, what it is locked on to, how long it sends. */
  readonly receive: RadioOptions["receive"];
  links: readonly Link[] | undefined;
  reception: Reception | undefined;
  heardMilliwatts = 0;
  heardCount = 0;
  isSendingUntil: Instant = Number.NEGATIVE_INFINITY;
  readonly meter: EnergyMeter;
  readonly #medium: Medium;

  constructor(medium: Medium, now: Instant, options: RadioOptions) {
    this.#medium = medium;
    this.position = options.position;
    this.transmitPowerDbm = options.transmitPowerDbm ?? 0;
    this.receive = options.receive;
    this.meter = new EnergyMeter(options.currents ?? RADIO_CURRENTS.nrf52840, now);
  }

  isChannelClear(now: Instant): boolean {
    return this.#medium.isClearAt(this, now);
  }

  transmit(now: Instant, psdu: Uint8Array): number {
    return this.#medium.begin(now, this, psdu);
  }

  energy(now: Instant): EnergyReport {
    return this.meter.report(now);
  }
}

/** What happened on the air. */
export interface MediumCounters {
  transmissions: number;
  received: number;
  lost: number;
  collided: number;
  /** Receivers that were sending, or busy with another frame. */
  busy: number;
  /** Receivers that let a frame go for a stronger one that began within its preamble. */
  captured: number;
}

/** The air between radios: who hears whom, how strongly, what collides. Its time is everyone's true time. */
export class Medium implements Machine {
  readonly counters: MediumCounters = { transmissions: 0, received: 0, lost: 0, collided: 0, busy: 0, captured: 0 };
  readonly #options: MediumOptions;
  readonly #random: SeededRandom;
  readonly #captureRatio: number;
  readonly #noiseMilliwatts: number;
  readonly #sensitivityDbm: number;
  readonly #ccaMilliwatts: number;
  readonly #radios: SimulatedRadio[] = [];
  readonly #endings = new DeadlineQueue<Transmission>();

  constructor(options: MediumOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#captureRatio = 10 ** ((options.captureDb ?? 3) / 10);
    this.#noiseMilliwatts = milliwattsOf(options.noiseDbm ?? DEFAULT_NOISE_DBM);
    this.#sensitivityDbm = options.sensitivityDbm ?? -100;
    this.#ccaMilliwatts = milliwattsOf(options.ccaThresholdDbm ?? -77);
  }

  /** Puts a radio into the medium. */
  add(now: Instant, options: RadioOptions): SimulatedRadio {
    const radio = new SimulatedRadio(this, now, options);
    this.#radios.push(radio);
    this.#forgetLinks();
    return radio;
  }

  /** Takes a radio to another place. What it is sending or receiving just now is heard as before. */
  move(radio: SimulatedRadio, position: Position): void {
    radio.position = position;
    this.#forgetLinks();
  }

  nextDeadline(): Instant {
    return this.#endings.nextDeadline();
  }

  handleTimeout(now: Instant): void {
    for (;;) {
      const ending = this.#endings.takeDue(now);
      if (ending === undefined) return;
      this.#end(ending);
    }
  }

  /** Clear: not sending, no frame noticed, and no energy above the threshold (CCA mode 3, 2015 10.2.8). */
  isClearAt(radio: SimulatedRadio, now: Instant): boolean {
    return radio.isSendingUntil <= now && radio.reception === undefined && radio.heardMilliwatts < this.#ccaMilliwatts;
  }

  /** Begins to send a frame; returns the milliseconds that it takes. */
  begin(now: Instant, sender: SimulatedRadio, psdu: Uint8Array): number {
    const duration = airTimeMs(psdu.length);
    const links = this.#linksOf(sender);
    const transmission: Transmission = { sender, psdu, links, startsAt: now, endsAt: now + duration };
    this.counters.transmissions++;
    sender.isSendingUntil = transmission.endsAt;
    // A radio that sends loses what it was receiving.
    sender.reception = undefined;
    sender.meter.enter(now, "transmit");
    for (const link of links) this.#arrive(transmission, link);
    this.#endings.add(transmission, transmission.endsAt);
    return duration;
  }

  #arrive(transmission: Transmission, link: Link): void {
    const receiver = link.to;
    receiver.heardMilliwatts += link.milliwatts;
    receiver.heardCount++;
    if (receiver.isSendingUntil > transmission.startsAt) return;
    const current = receiver.reception;
    if (current === undefined) {
      if (link.rssDbm >= this.#sensitivityDbm) this.#lock(receiver, transmission, link);
      return;
    }
    const isInPreamble = transmission.startsAt - current.transmission.startsAt < SYNCHRONIZATION_MS;
    if (isInPreamble && link.milliwatts >= current.link.milliwatts * this.#captureRatio) {
      this.counters.captured++;
      this.#lock(receiver, transmission, link);
    } else if (!this.#isStrongEnough(receiver, current.link)) {
      current.isCollided = true;
    }
  }

  #lock(receiver: SimulatedRadio, transmission: Transmission, link: Link): void {
    receiver.reception = { transmission, link, isCollided: !this.#isStrongEnough(receiver, link) };
  }

  /** Whether the link's signal stands out from noise and all else that the receiver hears. */
  #isStrongEnough(receiver: SimulatedRadio, link: Link): boolean {
    if (receiver.heardCount === 1) return true;
    const disturbance = this.#noiseMilliwatts + receiver.heardMilliwatts - link.milliwatts;
    return link.milliwatts >= disturbance * this.#captureRatio;
  }

  #end(transmission: Transmission): void {
    const { sender, endsAt, psdu, links } = transmission;
    sender.meter.enter(endsAt, "receive");
    const receptions: { receiver: SimulatedRadio; outcome: ReceptionOutcome }[] = [];
    const received: Link[] = [];
    for (const link of links) {
      const outcome = this.#leave(transmission, link);
      if (outcome === undefined) continue;
      this.counters[outcome]++;
      if (outcome === "received") received.push(link);
      receptions.push({ receiver: link.to, outcome });
    }
    this.#options.observer?.({ startsAt: transmission.startsAt, endsAt, sender, psdu, receptions });
    // Last, as receivers may begin to send at once.
    for (const { to, rssDbm } of received) to.receive(endsAt, psdu, rssDbm);
  }

  /** What came of the frame at the receiver; undefined when it was too weak to be noticed. */
  #leave(transmission: Transmission, link: Link): ReceptionOutcome | undefined {
    const receiver = link.to;
    receiver.heardCount--;
    // The sum is begun anew where it can be, so that rounding does not add up.
    receiver.heardMilliwatts = receiver.heardCount === 0 ? 0 : receiver.heardMilliwatts - link.milliwatts;
    const current = receiver.reception;
    if (current?.transmission !== transmission) return link.rssDbm >= this.#sensitivityDbm ? "busy" : undefined;
    receiver.reception = undefined;
    if (current.isCollided) return "collided";
    return this.#random.chance(link.lossOf(transmission.psdu.length)) ? "lost" : "received";
  }

  /** Who hears whom is worked out anew when it is needed. */
  #forgetLinks(): void {
    for (const radio of this.#radios) radio.links = undefined;
  }

  #linksOf(radio: SimulatedRadio): readonly Link[] {
    return (radio.links ??= this.#findLinks(radio));
  }

  #findLinks(radio: SimulatedRadio): Link[] {
    const links: Link[] = [];
    const from = this.#radios.indexOf(radio);
    for (const [index, other] of this.#radios.entries()) {
      if (other === radio) continue;
      const quality = this.#options.propagation.linkBetween(
        radio.position,
        other.position,
        radio.transmitPowerDbm,
        pairSeed(this.#options.seed, from, index),
      );
      if (quality === undefined) continue;
      links.push({
        to: other,
        rssDbm: quality.rssDbm,
        milliwatts: milliwattsOf(quality.rssDbm),
        lossOf: (length) => quality.lossOf(length),
      });
    }
    return links;
  }
}

/** The same for both directions of a link: walls do not mind which way a wave goes. */
function pairSeed(seed: number, a: number, b: number): number {
  return (
    (Math.imul(seed + 1, 0x9e3779b1) ^
      Math.imul(Math.min(a, b) + 1, 0x85ebca6b) ^
      Math.imul(Math.max(a, b) + 1, 0xc2b2ae35)) >>>
    0
  );
}

function milliwattsOf(dbm: number): number {
  return 10 ** (dbm / 10);
}
