import { TokenBucket } from "./token-bucket.js";

/** Bounds of the connections of one listener. */
export interface ConnectionLimits {
  /** Connections at the same time. Default Infinity: {@link MqttDoorOptions.maxConnections} bounds all of them. */
  readonly maxConnections?: number | undefined;
  /** Connections at the same time from one address. Default Infinity. */
  readonly maxConnectionsPerAddress?: number | undefined;
  /** New connections a second from one address, and as many at once. Default Infinity. */
  readonly maxConnectionRate?: number | undefined;
}

/** Why a connection is turned away: a word for metrics, and what the log says. */
export interface Turnaway {
  readonly label: string;
  readonly reason: string;
}

/** Addresses whose rate is remembered. More than that in a second or so are let in without being counted. */
const MOST_ADDRESSES = 100_000;

/** Counts the connections of a listener and turns away those beyond its limits. */
export class ConnectionGate {
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  readonly #maxRate: number;
  #count = 0;
  readonly #countByAddress = new Map<string, number>();
  readonly #bucketByAddress = new Map<string, TokenBucket>();

  constructor(limits: ConnectionLimits) {
    this.#maxConnections = limits.maxConnections ?? Number.POSITIVE_INFINITY;
    this.#maxPerAddress = limits.maxConnectionsPerAddress ?? Number.POSITIVE_INFINITY;
    this.#maxRate = limits.maxConnectionRate ?? Number.POSITIVE_INFINITY;
  }

  /** @returns why the connection is turned away; undefined: it is counted until {@link leave}. */
  enter(address: string, now: number): Turnaway | undefined {
    const own = this.#countByAddress.get(address) ?? 0;
    if (this.#count >= this.#maxConnections) {
      return { label: "too-many-connections", reason: `${this.#maxConnections} connections are open on this listener` };
    }
    if (own >= this.#maxPerAddress) {
      return { label: "too-many-connections", reason: `${this.#maxPerAddress} connections of this address are open` };
    }
    if (!this.#isWithinRate(address, now)) {
      return { label: "connection-rate", reason: `more than ${this.#maxRate} connections a second of this address` };
    }
    this.#count++;
    if (this.#maxPerAddress !== Number.POSITIVE_INFINITY) this.#countByAddress.set(address, own + 1);
    return undefined;
  }

  leave(address: string): void {
    this.#count--;
    const own = this.#countByAddress.get(address) ?? 0;
    if (own > 1) this.#countByAddress.set(address, own - 1);
    else this.#countByAddress.delete(address);
  }

  #isWithinRate(address: string, now: number): boolean {
    if (this.#maxRate === Number.POSITIVE_INFINITY) return true;
    let bucket = this.#bucketByAddress.get(address);
    if (bucket === undefined) {
      this.#forgetFull(now);
      if (this.#bucketByAddress.size >= MOST_ADDRESSES) return true;
      bucket = new TokenBucket(this.#maxRate, now);
      this.#bucketByAddress.set(address, bucket);
    }
    if (bucket.spend(1, now) === 0) return true;
    // A connection that was turned away does not put off the next one that is not.
    bucket.spend(-1, now);
    return false;
  }

  /** A bucket that is full says nothing. Two are looked at for each that comes, the oldest first. */
  #forgetFull(now: number): void {
    let looked = 0;
    for (const [address, bucket] of this.#bucketByAddress) {
      if (looked++ === 2) return;
      this.#bucketByAddress.delete(address);
      if (!bucket.isFull(now)) this.#bucketByAddress.set(address, bucket);
    }
  }
}
