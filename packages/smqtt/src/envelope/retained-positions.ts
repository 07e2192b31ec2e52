import { equalBytes, toHex } from "@isthmus/bytes";
import { PUBLISHER_ID_BYTES } from "./key-id.js";

/** Where a message stands among those of its publisher. */
export interface Position {
  /** When the epoch of its key began, Unix seconds. */
  readonly created: number;
  readonly counter: number;
  readonly keyId: Uint8Array;
}

/** Positions kept; the oldest is dropped first. */
const MAX_POSITIONS = 8192;

/**
 * The last retained message of each publisher on each topic. It may be given again, as a broker does at each
 * subscription; what stands before it is a step back in time and is refused.
 */
export class RetainedPositions {
  readonly #positionByTopic = new Map<string, Position>();

  isLast(topic: string, position: Position): boolean {
    const last = this.#positionByTopic.get(nameOf(topic, position));
    return last !== undefined && last.counter === position.counter && equalBytes(last.keyId, position.keyId);
  }

  isOlder(topic: string, position: Position): boolean {
    const last = this.#positionByTopic.get(nameOf(topic, position));
    if (last === undefined) return false;
    if (equalBytes(last.keyId, position.keyId)) return position.counter < last.counter;
    return position.created < last.created;
  }

  accept(topic: string, position: Position): void {
    if (this.isOlder(topic, position)) return; // a late live message: the retained one stays the later
    const name = nameOf(topic, position);
    this.#positionByTopic.delete(name);
    this.#positionByTopic.set(name, position);
    if (this.#positionByTopic.size <= MAX_POSITIONS) return;
    for (const oldest of this.#positionByTopic.keys()) {
      this.#positionByTopic.delete(oldest);
      break;
    }
  }
}

function nameOf(topic: string, { keyId }: Position): string {
  return `${toHex(keyId.subarray(0, PUBLISHER_ID_BYTES))} ${topic}`;
}
