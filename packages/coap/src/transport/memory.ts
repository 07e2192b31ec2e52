import { type Instant, NEVER } from "@isthmus/machine";
import { DatagramEndpoint } from "../endpoint/datagram-endpoint.js";
import type { Address } from "../endpoint/endpoint.js";
import type { DatagramEndpointOptions, DatagramOutput } from "../endpoint/endpoint-options.js";

/** A datagram in a {@link MemoryNetwork}. */
export interface MemoryDatagram {
  readonly bytes: Uint8Array;
  readonly from: Address;
  readonly to: Address;
}

/** Decides what becomes of a datagram: undefined loses it, a number delays it by so many milliseconds. */
export type Conditions = (datagram: MemoryDatagram, now: Instant) => number | undefined;

interface Flight extends MemoryDatagram {
  readonly arrivesAt: Instant;
}

/**
 * A network in memory, with a clock of its own: datagram endpoints by address, and groups.
 *
 * For tests, simulations, and programs that talk CoAP to themselves. Nothing happens but in {@link run}.
 */
export class MemoryNetwork {
  readonly #conditions: Conditions;
  readonly #endpointByAddress = new Map<string, DatagramEndpoint>();
  readonly #membersByGroup = new Map<string, Address[]>();
  #flights: Flight[] = [];
  #now: Instant;

  /** @param conditions default: all arrives after a millisecond. */
  constructor(conditions: Conditions = () => 1, start: Instant = 0) {
    this.#conditions = conditions;
    this.#now = start;
  }

  get now(): Instant {
    return this.#now;
  }

  /** An endpoint at `address`. */
  bind(address: Address, options: DatagramEndpointOptions): DatagramEndpoint {
    const output: DatagramOutput = {
      transmit: (bytes, to) => this.send({ bytes, from: address, to }),
      wake: () => {},
    };
    const endpoint = new DatagramEndpoint(options, output);
    this.#endpointByAddress.set(key(address), endpoint);
    return endpoint;
  }

  /** Lets the endpoint at `member` get what is sent to `group`. */
  join(group: Address, member: Address): void {
    const members = this.#membersByGroup.get(key(group)) ?? [];
    this.#membersByGroup.set(key(group), [...members, member]);
  }

  /** Puts a datagram on its way. */
  send(datagram: MemoryDatagram): void {
    const delayMs = this.#conditions(datagram, this.#now);
    if (delayMs === undefined) return;
    this.#flights.push({ ...datagram, arrivesAt: this.#now + delayMs });
  }

  /** Runs until nothing is under way and no deadline lies at or before `until`; then it is `until`, if that is finite. */
  run(until: Instant = NEVER): void {
    for (;;) {
      const next = this.#nextInstant();
      if (next > until || next === NEVER) break;
      this.#now = Math.max(this.#now, next);
      this.#step();
    }
    if (Number.isFinite(until) && until > this.#now) this.#now = until;
  }

  /** Runs what happens in the next `milliseconds`. */
  runFor(milliseconds: number): void {
    this.run(this.#now + milliseconds);
  }

  #nextInstant(): Instant {
    let next = NEVER;
    for (const { arrivesAt } of this.#flights) if (arrivesAt < next) next = arrivesAt;
    for (const endpoint of this.#endpointByAddress.values()) {
      const deadline = endpoint.nextDeadline();
      if (deadline < next) next = deadline;
    }
    return next;
  }

  #step(): void {
    const arrived = this.#flights.filter(({ arrivesAt }) => arrivesAt <= this.#now);
    this.#flights = this.#flights.filter(({ arrivesAt }) => arrivesAt > this.#now);
    arrived.sort((a, b) => a.arrivesAt - b.arrivesAt);
    for (const datagram of arrived) this.#deliver(datagram);
    for (const endpoint of this.#endpointByAddress.values()) {
      if (endpoint.nextDeadline() <= this.#now) endpoint.handleTimeout(this.#now);
    }
  }

  #deliver({ bytes, from, to }: MemoryDatagram): void {
    const members = this.#membersByGroup.get(key(to));
    if (members === undefined) {
      this.#endpointByAddress.get(key(to))?.receive(this.#now, bytes, from);
    } else {
      for (const member of members) this.#endpointByAddress.get(key(member))?.receive(this.#now, bytes, from, true);
    }
  }
}

function key({ address, port }: Address): string {
  return `${address} ${port}`;
}
