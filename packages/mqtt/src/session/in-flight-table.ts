/** What can be in flight: it carries its own packet identifier, and remembers when it was sent relative to others. */
export interface Numbered {
  packetIdentifier: number;
  /** Set by the table: grows with each entry, for sending again in the original order. [MQTT-4.6.0-1] */
  order: number;
}

const SMALLEST = 16;
/** A slot for each packet identifier there is. */
const LARGEST = 65_536;

/**
 * The messages that one side has sent and the other has not yet acknowledged, by packet identifier.
 *
 * A table indexed by the low bits of the identifier: identifiers are handed out in order, passing over those whose
 * slot is taken, so adding, finding and removing touch one slot and allocate nothing.
 */
export class InFlightTable<E extends Numbered> {
  #slots: (E | undefined)[] = [];
  #size = 0;
  #nextIdentifier = 1;
  #nextOrder = 1;

  /** Entries in flight. */
  get size(): number {
    return this.#size;
  }

  /** Gives `entry` an unused packet identifier and takes it in. @throws RangeError when all 65,535 are in use. */
  add(entry: E): void {
    // Twice the room that is needed keeps the search for a free slot short.
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    const mask = this.#slots.length - 1;
    for (let tried = 0; tried < LARGEST; tried++) {
      const identifier = this.#nextIdentifier;
      this.#nextIdentifier = identifier === 0xffff ? 1 : identifier + 1;
      if (this.#slots[identifier & mask] !== undefined) continue;
      entry.packetIdentifier = identifier;
      this.#put(entry, mask);
      return;
    }
    throw new RangeError("all packet identifiers are in use");
  }

  /** Takes in an entry under the identifier that it had before a restart. */
  restore(entry: E): void {
    if (this.#slots.length === 0) this.#grow();
    while (this.#slots[entry.packetIdentifier & (this.#slots.length - 1)] !== undefined) {
      if (this.#slots.length === LARGEST) throw new RangeError(`identifier ${entry.packetIdentifier} is in use`);
      this.#grow();
    }
    this.#put(entry, this.#slots.length - 1);
  }

  get(packetIdentifier: number): E | undefined {
    const entry = this.#slots[packetIdentifier & (this.#slots.length - 1)];
    return entry?.packetIdentifier === packetIdentifier ? entry : undefined;
  }

  /** Puts an entry behind all others in the order. */
  moveToEnd(entry: E): void {
    entry.order = this.#nextOrder++;
  }

  delete(entry: E): void {
    if (this.get(entry.packetIdentifier) !== entry) return;
    this.#slots[entry.packetIdentifier & (this.#slots.length - 1)] = undefined;
    this.#size--;
  }

  /** Calls `visit` for each entry, in no particular order. */
  forEach(visit: (entry: E) => void): void {
    for (const entry of this.#slots) if (entry !== undefined) visit(entry);
  }

  /** All entries, in the order in which they were added. */
  inOrder(): E[] {
    return this.#slots.filter((entry) => entry !== undefined).sort((a, b) => a.order - b.order);
  }

  #put(entry: E, mask: number): void {
    entry.order = this.#nextOrder++;
    this.#slots[entry.packetIdentifier & mask] = entry;
    this.#size++;
  }

  #grow(): void {
    const entries = this.#slots;
    const length = Math.min(LARGEST, Math.max(SMALLEST, entries.length * 2));
    if (length === entries.length) return;
    this.#slots = Array.from({ length }, () => undefined);
    // What had its own slot among fewer has it among more.
    for (const entry of entries) if (entry !== undefined) this.#slots[entry.packetIdentifier & (length - 1)] = entry;
  }
}
