import { type Instant, NEVER } from "@isthmus/machine";

/** What is known until a certain time. */
export interface Expiring {
  readonly expiresAt: Instant;
}

/** A bounded map whose entries expire. Asking for the next deadline costs nothing, however many there are. */
export class ExpiringMap<V extends Expiring> {
  readonly #maxSize: number;
  readonly #valueByKey = new Map<string, V>();
  /** Not later than the first expiry: an entry renewed in between makes it come early. */
  #deadline: Instant = NEVER;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get size(): number {
    return this.#valueByKey.size;
  }

  get(key: string): V | undefined {
    return this.#valueByKey.get(key);
  }

  /** Puts or renews an entry; false when it is new and there is no room. */
  set(key: string, value: V): boolean {
    if (!this.#valueByKey.has(key) && this.#valueByKey.size >= this.#maxSize) return false;
    this.#valueByKey.set(key, value);
    if (value.expiresAt < this.#deadline) this.#deadline = value.expiresAt;
    return true;
  }

  delete(key: string): boolean {
    return this.#valueByKey.delete(key);
  }

  clear(): void {
    this.#valueByKey.clear();
    this.#deadline = NEVER;
  }

  entries(): IterableIterator<[string, V]> {
    return this.#valueByKey.entries();
  }

  values(): IterableIterator<V> {
    return this.#valueByKey.values();
  }

  nextDeadline(): Instant {
    return this.#deadline;
  }

  /** Removes and returns what has expired. */
  takeExpired(now: Instant): [string, V][] {
    if (this.#deadline > now) return [];
    const expired: [string, V][] = [];
    this.#deadline = NEVER;
    for (const entry of this.#valueByKey) {
      const { expiresAt } = entry[1];
      if (expiresAt <= now) expired.push(entry);
      else if (expiresAt < this.#deadline) this.#deadline = expiresAt;
    }
    for (const [key] of expired) this.#valueByKey.delete(key);
    return expired;
  }
}
