import type { ProtocolVersion } from "../../src/codec/packets.js";

/** What a fuzzer feeds: one connection. Anything that it throws is a bug. */
export interface FuzzTarget {
  /** Takes the next bytes of the peer; returns false when it has closed the connection. */
  receive(chunk: Uint8Array): boolean;
  /** The peer has gone: frees everything and checks what must hold by then. */
  close(): void;
}

/** Accepts a connection whose peer means to speak `version`; `tally` counts what came of it. */
export type OpenFuzzTarget = (version: ProtocolVersion, tally: FuzzTally) => FuzzTarget;

/** Counts outcomes by name, such as packet types and reasons, to show that a run went deep. */
export class FuzzTally {
  readonly #countByOutcome = new Map<string, number>();

  count(outcome: string, times = 1): void {
    this.#countByOutcome.set(outcome, (this.#countByOutcome.get(outcome) ?? 0) + times);
  }

  /** Adds what another tally has counted. */
  add(other: FuzzTally): void {
    for (const [outcome, count] of other.#countByOutcome) this.count(outcome, count);
  }

  of(outcome: string): number {
    return this.#countByOutcome.get(outcome) ?? 0;
  }

  toString(): string {
    const entries = [...this.#countByOutcome].toSorted(([, a], [, b]) => b - a);
    return entries.map(([outcome, count]) => `${outcome} ${count}`).join(", ");
  }
}
