import { ReasonCode } from "@isthmus/mqtt/codec";
import type { Refusal } from "./access.js";

/** How those who try passwords are slowed down. */
export interface SignInDelayOptions {
  /** Failures of one user from one address that cost nothing. Default 3; ten times as many of all users of an address. */
  readonly freeFailures?: number | undefined;
  /** The longest that a client waits between two tries, in milliseconds. Default 5,000; 0: nobody is slowed down. */
  readonly maxDelayMs?: number | undefined;
  /** How long after the last failure all is forgotten, in seconds. Default 600. */
  readonly forgetAfterSeconds?: number | undefined;
  /** Addresses and users remembered at the most: the oldest are forgotten. Default 100,000. */
  readonly maxEntries?: number | undefined;
}

/** The first delay; each failure doubles it. */
const FIRST_DELAY_MS = 250;
/** Many clients may share an address, as behind a router. */
const ADDRESS_ALLOWANCE = 10;
/** More tries that wait for their turn are not let wait: the last one's turn is this many delays ahead. */
const MOST_WAITING_DELAYS = 1.5;

interface Entry {
  failures: number;
  lastFailureAt: number;
  /** When the next one may try. */
  freeAt: number;
}

/**
 * Slows down who tries passwords: after some failures the tries of one user from one address, and those from one
 * address, have to wait for each other, longer with each failure.
 *
 * Whether a password is right plays no part in how long it takes: the wait is before it is looked at, and success by one
 * user does not help another. Nobody is locked out: from another address a user gets in as ever, and so do users whose
 * password is remembered, whatever others try from their address.
 */
export class SignInDelay {
  readonly #freeFailures: number;
  readonly #maxDelayMs: number;
  readonly #forgetAfterMs: number;
  readonly #maxEntries: number;
  /** In the order of the last failure. */
  readonly #entryByKey = new Map<string, Entry>();

  constructor(options: SignInDelayOptions = {}) {
    const { freeFailures = 3, maxDelayMs = 5000, forgetAfterSeconds = 600, maxEntries = 100_000 } = options;
    this.#freeFailures = freeFailures;
    this.#maxDelayMs = maxDelayMs;
    this.#forgetAfterMs = forgetAfterSeconds * 1000;
    this.#maxEntries = maxEntries;
  }

  /** Entries held. */
  get size(): number {
    return this.#entryByKey.size;
  }

  /**
   * Takes a turn. @returns milliseconds to wait before looking at the password, or undefined: too many wait already.
   *
   * @param now on the monotonic clock
   * @param isRemembered whether the password is known to be right, which is quick to tell: then it waits for the tries of
   *   the same user alone
   */
  take(address: string, user: string, now: number, isRemembered?: () => boolean): number | undefined {
    if (this.#entryByKey.size === 0) return 0;
    const ownWait = this.#takeTurn(keyOf(address, user), this.#freeFailures, now);
    if (ownWait === undefined || isRemembered?.() === true) return ownWait;
    const addressWait = this.#takeTurn(keyOf(address), this.#freeFailures * ADDRESS_ALLOWANCE, now);
    if (addressWait !== undefined) return Math.max(ownWait, addressWait);
    // It has been compared with what is remembered: were it not counted, guesses at that would cost nothing.
    if (isRemembered !== undefined) this.#count(keyOf(address, user), now);
    return undefined;
  }

  /** The password was wrong, or there is no such user. */
  noteFailure(address: string, user: string, now: number): void {
    if (this.#maxDelayMs === 0) return;
    for (const key of [keyOf(address, user), keyOf(address)]) this.#count(key, now);
  }

  /** The user got in from there. What others have tried from the same address is not forgotten. */
  noteSuccess(address: string, user: string): void {
    this.#entryByKey.delete(keyOf(address, user));
  }

  #count(key: string, now: number): void {
    const { failures, freeAt } = this.#find(key, now) ?? { failures: 0, freeAt: now };
    this.#entryByKey.delete(key);
    this.#entryByKey.set(key, { failures: failures + 1, lastFailureAt: now, freeAt });
    // A map keeps the order of insertion.
    for (const [oldest, { lastFailureAt }] of this.#entryByKey) {
      if (this.#entryByKey.size <= this.#maxEntries && now - lastFailureAt < this.#forgetAfterMs) return;
      this.#entryByKey.delete(oldest);
    }
  }

  #takeTurn(key: string, freeFailures: number, now: number): number | undefined {
    const entry = this.#find(key, now);
    if (entry === undefined || entry.failures < freeFailures) return 0;
    const delay = Math.min(this.#maxDelayMs, FIRST_DELAY_MS * 2 ** (entry.failures - freeFailures));
    const turn = Math.max(entry.freeAt, now + delay);
    if (turn - now > MOST_WAITING_DELAYS * this.#maxDelayMs) return undefined;
    entry.freeAt = turn + delay;
    return turn - now;
  }

  #find(key: string, now: number): Entry | undefined {
    const entry = this.#entryByKey.get(key);
    return entry === undefined || now - entry.lastFailureAt >= this.#forgetAfterMs ? undefined : entry;
  }
}

/** Neither an address nor a user name holds U+0000. */
function keyOf(address: string, user?: string): string {
  return user === undefined ? address : `${address}\0${user}`;
}

/** What to say to who has too many tries waiting. */
export const TRIED_TOO_OFTEN: Refusal = {
  reasonCode: ReasonCode.connectionRateExceeded,
  reason: "too many wrong passwords: too many tries wait for their turn",
};

/** Waits, as far as the process does not end before. */
export function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}
