import { DeadlineQueue, type Instant, type Machine, NEVER, type Scheduled } from "@isthmus/machine";
import type { EnergyReport, RadioCurrents } from "./energy.js";
import type { Radio } from "./mac-service.js";
import { Medium, type MediumOptions, type SimulatedRadio } from "./medium.js";
import type { Position } from "./propagation.js";

/** What a {@link Simulation} drives: a MAC alone, or a whole node over one. */
export interface NodeMachine extends Machine {
  receive(now: Instant, psdu: Uint8Array, rssDbm: number): void;
}

/** Where a node is, and what it runs. */
export interface SimulatedNodeOptions<T extends NodeMachine> {
  readonly position: Position;
  /** Makes the machine over the node's radio. */
  readonly build: (radio: Radio) => T;
  readonly transmitPowerDbm?: number;
  readonly currents?: RadioCurrents;
  /** Parts per million by which the node's clock runs fast. Default 0; crystals are within 40 (2015 12.3.4). */
  readonly clockDriftPpm?: number;
}

/** What happens at its time. */
interface Due {
  handleDeadline(now: Instant): void;
}

/** A node in a {@link Simulation}. Its machine lives by its own clock. */
export class SimulatedNode<T extends NodeMachine> {
  readonly machine: T;
  readonly radio: SimulatedRadio;
  readonly #simulation: Simulation;
  readonly #medium: Medium;
  readonly #rate: number;
  #scheduled: Scheduled<Due> | undefined;
  #deadline: Instant = NEVER;
  #now: Instant = 0;

  constructor(simulation: Simulation, medium: Medium, options: SimulatedNodeOptions<T>) {
    this.#simulation = simulation;
    this.#medium = medium;
    this.#rate = 1 + (options.clockDriftPpm ?? 0) / 1_000_000;
    this.radio = medium.add(simulation.now, {
      position: options.position,
      ...(options.transmitPowerDbm === undefined ? {} : { transmitPowerDbm: options.transmitPowerDbm }),
      ...(options.currents === undefined ? {} : { currents: options.currents }),
      receive: (now, psdu, rssDbm) => {
        this.#input(now, (local) => this.machine.receive(local, psdu, rssDbm));
      },
    });
    // The machine speaks of its own time, the medium of the true one; and its seconds are not quite ours.
    this.machine = options.build({
      isChannelClear: () => this.radio.isChannelClear(simulation.now),
      transmit: (_local, psdu) => this.radio.transmit(simulation.now, psdu) * this.#rate,
    });
  }

  /** The node's own time. */
  get now(): Instant {
    return Math.max(this.#now, this.#simulation.now * this.#rate);
  }

  /** Does something with the machine, as an application on the node would. */
  act<R>(action: (machine: T, now: Instant) => R): R {
    return this.#input(this.#simulation.now, (local) => action(this.machine, local));
  }

  /** Takes the node to another place. */
  moveTo(position: Position): void {
    this.#medium.move(this.radio, position);
  }

  energy(): EnergyReport {
    return this.radio.energy(this.#simulation.now);
  }

  /** Called by the simulation when the machine's deadline has come. */
  handleDeadline(now: Instant): void {
    this.#scheduled = undefined;
    const deadline = this.#deadline;
    this.#deadline = NEVER;
    // Going from one clock to the other and back may fall short of the deadline by a rounding.
    this.#input(now, (local) => this.machine.handleTimeout(Math.max(local, deadline)));
  }

  #input<R>(now: Instant, run: (local: Instant) => R): R {
    this.#now = Math.max(this.#now, now * this.#rate);
    const result = run(this.#now);
    this.#schedule();
    return result;
  }

  #schedule(): void {
    const deadline = this.machine.nextDeadline();
    if (deadline === this.#deadline) return;
    if (this.#scheduled !== undefined) this.#simulation.deadlines.cancel(this.#scheduled);
    this.#deadline = deadline;
    this.#scheduled = deadline === NEVER ? undefined : this.#simulation.deadlines.add(this, deadline / this.#rate);
  }
}

/** Runs nodes over a {@link Medium} in virtual time: the same result for the same seed, as fast as it goes. */
export class Simulation {
  readonly medium: Medium;
  /** When each node next wants to be called, in true time. */
  readonly deadlines = new DeadlineQueue<Due>();
  #now: Instant = 0;

  constructor(options: MediumOptions) {
    this.medium = new Medium(options);
  }

  /** True time, in milliseconds. */
  get now(): Instant {
    return this.#now;
  }

  add<T extends NodeMachine>(options: SimulatedNodeOptions<T>): SimulatedNode<T> {
    const node = new SimulatedNode(this, this.medium, options);
    node.act(() => undefined);
    return node;
  }

  /** Does something at a time to come. */
  at(instant: Instant, action: () => void): void {
    this.deadlines.add({ handleDeadline: action }, instant);
  }

  /** When the next thing happens, or NEVER. */
  nextDeadline(): Instant {
    return Math.min(this.medium.nextDeadline(), this.deadlines.nextDeadline());
  }

  /** Lets all happen that happens up to `until`, and stands there. @throws RangeError when that lies in the past. */
  runUntil(until: Instant): void {
    if (until < this.#now) throw new RangeError(`${until} lies before ${this.#now}`);
    for (;;) {
      const next = this.nextDeadline();
      if (next > until) break;
      this.#now = Math.max(this.#now, next);
      // First the air: a frame that ends now has arrived when a timer that ends now is looked at.
      this.medium.handleTimeout(this.#now);
      for (let due = this.deadlines.takeDue(this.#now); due !== undefined; due = this.deadlines.takeDue(this.#now)) {
        due.handleDeadline(this.#now);
      }
    }
    this.#now = until;
  }

  /** Runs what happens in the next `milliseconds`. */
  runFor(milliseconds: number): void {
    this.runUntil(this.#now + milliseconds);
  }
}
