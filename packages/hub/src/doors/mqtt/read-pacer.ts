import { TokenBucket } from "../../listeners/token-bucket.js";

/** How fast one client may send. One that is faster is not disconnected: it is read more slowly. */
export interface ReadLimits {
  /** MQTT packets a second, and as many at once. Default Infinity. */
  readonly maxPacketRate?: number | undefined;
  /** Bytes a second, and as many at once. Default Infinity. */
  readonly maxByteRate?: number | undefined;
}

/** Tells how long to rest after what was read of one client. */
export class ReadPacer {
  readonly #packets: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;

  /** @returns undefined where there is nothing to pace. */
  static for(limits: ReadLimits, now: number): ReadPacer | undefined {
    const { maxPacketRate = Number.POSITIVE_INFINITY, maxByteRate = Number.POSITIVE_INFINITY } = limits;
    return Number.isFinite(maxPacketRate) || Number.isFinite(maxByteRate) ? new ReadPacer(limits, now) : undefined;
  }

  /** @param now on the monotonic clock, as in all calls. */
  private constructor(
    { maxPacketRate = Number.POSITIVE_INFINITY, maxByteRate = Number.POSITIVE_INFINITY }: ReadLimits,
    now: number,
  ) {
    if (Number.isFinite(maxPacketRate)) this.#packets = new TokenBucket(maxPacketRate, now);
    if (Number.isFinite(maxByteRate)) this.#bytes = new TokenBucket(maxByteRate, now);
  }

  /** @returns the milliseconds for which nothing is to be read; 0: go on. */
  spend(packets: number, bytes: number, now: number): number {
    return Math.max(this.#packets?.spend(packets, now) ?? 0, this.#bytes?.spend(bytes, now) ?? 0);
  }
}
