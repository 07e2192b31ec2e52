const MAX_PACKET_IDENTIFIER = 65_535;
/** Enough for the usual in-flight window, and small beside a connection. */
const FIRST_RANGE = 256;

/**
 * Hands out packet identifiers, 1 to 65,535, never one that is in use (2.2.1).
 *
 * The free ones wait in a ring, so that taking and releasing cost the same however many are in use, and an
 * identifier rests as long as possible before it is used again. The ring starts with 1 to 256, doubles when it runs
 * dry, and takes no memory before the first use.
 */
export class PacketIdentifiers {
  #ring = new Uint16Array(0);
  #head = 0;
  #freeCount = 0;
  /** Identifiers up to this one are in the ring or in use. */
  #range = 0;

  /** @param inUse identifiers of a session that is taken up again. */
  constructor(inUse: Iterable<number> = []) {
    const taken = new Set(inUse);
    if (taken.size > 0) this.#widen(Math.max(...taken), taken);
  }

  /** How many are in use. */
  get inUseCount(): number {
    return this.#range - this.#freeCount;
  }

  /** The next free identifier, in use from now on; undefined when all 65,535 are in use. [MQTT-2.2.1-3] */
  take(): number | undefined {
    if (this.#freeCount === 0) {
      if (this.#range === MAX_PACKET_IDENTIFIER) return undefined;
      this.#widen(this.#range + 1);
    }
    const packetIdentifier = this.#ring[this.#head];
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#freeCount--;
    return packetIdentifier;
  }

  /** Gives back an identifier that {@link take} returned (or the constructor was told), once each. */
  release(packetIdentifier: number): void {
    this.#ring[(this.#head + this.#freeCount) % this.#ring.length] = packetIdentifier;
    this.#freeCount++;
  }

  /** Doubles the range until it holds `least`; all new identifiers but those `taken` are free. */
  #widen(least: number, taken?: ReadonlySet<number>): void {
    let range = Math.max(this.#range, FIRST_RANGE);
    while (range < least) range = Math.min(2 * range, MAX_PACKET_IDENTIFIER);
    // Only an empty ring is widened, so there is nothing to move.
    this.#ring = new Uint16Array(range);
    this.#head = 0;
    for (let id = this.#range + 1; id <= range; id++) if (!taken?.has(id)) this.#ring[this.#freeCount++] = id;
    this.#range = range;
  }
}
