import { byteAt, readUint16 } from "@isthmus/bytes";
import type { Address } from "../endpoint/endpoint.js";

interface Arrival {
  readonly bytes: Uint8Array;
  readonly from: Address;
}

/** Version 1, Non-confirmable: what a request to a group is. */
const NON = 0b0101;
/** Copies that are waited for at a time; a copy that never comes must not stay for ever. */
const MAX_EXPECTED = 1_024;

/**
 * Tells what was sent to a group from what was sent to us alone, where the system does not.
 *
 * A socket that is bound to all addresses gets what is sent to any group that this host is in, and Node does not say
 * to which address a datagram went. The socket that is bound to the group gets a copy of its own at the same time, so
 * a Non-confirmable message on the main socket waits for the end of the loop's turn, and goes when its copy came.
 */
export class GroupFilter {
  readonly #receive: (bytes: Uint8Array, from: Address) => void;
  readonly #expectedCopies = new Set<string>();
  #waiting: Arrival[] = [];

  /** @param receive takes what was sent to us alone. */
  constructor(receive: (bytes: Uint8Array, from: Address) => void) {
    this.#receive = receive;
  }

  /** A datagram came on a group's socket: its copy is to be dropped. */
  handleGroupArrival(bytes: Uint8Array, from: Address): void {
    if (!isNonConfirmable(bytes)) return;
    this.#expectedCopies.add(key(bytes, from));
    if (this.#expectedCopies.size <= MAX_EXPECTED) return;
    for (const oldest of this.#expectedCopies) {
      this.#expectedCopies.delete(oldest);
      return;
    }
  }

  /** A datagram came on the main socket. */
  handleArrival(bytes: Uint8Array, from: Address): void {
    if (!isNonConfirmable(bytes)) {
      this.#receive(bytes, from);
      return;
    }
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    this.#waiting.push({ bytes, from: { address: from.address, port: from.port } });
  }

  #flush(): void {
    const arrivals = this.#waiting;
    this.#waiting = [];
    for (const { bytes, from } of arrivals) {
      if (!this.#expectedCopies.delete(key(bytes, from))) this.#receive(bytes, from);
    }
  }
}

function isNonConfirmable(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && byteAt(bytes, 0) >>> 4 === NON;
}

function key(bytes: Uint8Array, { address, port }: Address): string {
  return `${address} ${port} ${readUint16(bytes, 2)}`;
}
