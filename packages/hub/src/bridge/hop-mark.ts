import type { Properties } from "@isthmus/mqtt/codec";

/** The user property that each hub adds when a message leaves it over a bridge: its own mark. */
const NAME = "isthmus-via";

/** Keeps messages from going in circles over several bridges. MQTT 3.1.1 has no place for such marks. */
export class HopMark {
  readonly #mark: string;
  readonly #maxHops: number;

  /** @param mark of this hub alone, the same for all its bridges. */
  constructor(mark: string, maxHops: number) {
    this.#mark = mark;
    this.#maxHops = maxHops;
  }

  /** Whether a message that comes in has been here before, or has passed too many hubs. */
  isCircling(properties: Properties | undefined): boolean {
    const marks = (properties?.userProperties ?? []).filter(([name]) => name === NAME);
    return marks.length >= this.#maxHops || marks.some(([, mark]) => mark === this.#mark);
  }

  /** The properties of a message that leaves. */
  add(properties: Properties | undefined): Properties {
    return { ...properties, userProperties: [...(properties?.userProperties ?? []), [NAME, this.#mark]] };
  }
}
