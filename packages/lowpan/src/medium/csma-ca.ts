import type { Instant, RandomSource } from "@isthmus/machine";
import { PHY, SYMBOL_MS } from "./phy.js";

/** The parameters of unslotted CSMA-CA, with the standard's defaults (IEEE 802.15.4-2015 8.4.3.1). */
export interface CsmaCaOptions {
  /** macMinBe: exponent of the first backoff. Default 3. */
  readonly minBe?: number;
  /** macMaxBe: largest exponent. Default 5. */
  readonly maxBe?: number;
  /** macMaxCsmaBackoffs: busy channels after which a frame is given up, less one. Default 4. */
  readonly maxBackoffs?: number;
}

/**
 * Unslotted CSMA-CA (2015 6.2.5.1): wait a random number of backoff periods, listen, send when the channel is clear,
 * otherwise wait longer, and give up at last.
 */
export class CsmaCa {
  readonly #random: RandomSource;
  readonly #minBe: number;
  readonly #maxBe: number;
  readonly #maxBackoffs: number;
  #backoffs = 0;
  #exponent = 0;

  constructor(random: RandomSource, options: CsmaCaOptions = {}) {
    this.#random = random;
    this.#minBe = options.minBe ?? 3;
    this.#maxBe = options.maxBe ?? 5;
    this.#maxBackoffs = options.maxBackoffs ?? 4;
  }

  /** Begins with a frame; returns when the channel is to be assessed. */
  begin(now: Instant): Instant {
    this.#backoffs = 0;
    this.#exponent = this.#minBe;
    return this.#backOff(now);
  }

  /** Takes it that the channel was busy; returns when it is to be assessed again, or undefined to give up. */
  handleBusy(now: Instant): Instant | undefined {
    this.#backoffs++;
    this.#exponent = Math.min(this.#exponent + 1, this.#maxBe);
    return this.#backoffs > this.#maxBackoffs ? undefined : this.#backOff(now);
  }

  /** The assessment takes 8 symbols and tells at its end. */
  #backOff(now: Instant): Instant {
    const periods = this.#random.nextUint32() % 2 ** this.#exponent;
    return now + (periods * PHY.unitBackoff + PHY.cca) * SYMBOL_MS;
  }
}
