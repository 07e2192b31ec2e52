import { readdirSync } from "node:fs";
import type { Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { copyBytes } from "../codec/byte-slices.js";
import type { Address } from "../endpoint/endpoint.js";
import type { Destination } from "../endpoint/endpoint-options.js";
import { type BatchCalls, loadBatchCalls } from "./batch-calls.js";
import { MessageVector } from "./message-vector.js";
import { SocketName, SocketNames } from "./socket-names.js";

/** Datagrams in a batch. */
const BATCH = 64;
/** The longest datagram that comes: no room for less, for the rest of it would be lost. */
const MAX_RECEIVED_BYTES = 65_536;
/** The longest one that goes in a batch: a block of 1024 bytes with its options, and more than a path's MTU. */
const MAX_SENT_BYTES = 2_048;

/** Takes over a datagram that a batch could not send: it was refused, or there is no room for it now. */
export type SendAlone = (bytes: Uint8Array, to: Address, isReported: boolean) => void;

/**
 * Several datagrams per system call, on a socket of Node's: what it received and has not read yet is taken from its
 * descriptor, and what is to be sent is gathered.
 */
export class DatagramBatches {
  readonly #calls: BatchCalls;
  readonly #descriptor: number;
  readonly #names: SocketNames;
  readonly #incoming: MessageVector;
  readonly #outgoing: MessageVector;
  /** Where the entries of `#outgoing` go, and whether their failure is told. */
  readonly #destinations: SocketName[] = [];
  readonly #isReported: boolean[] = [];
  readonly #sendAlone: SendAlone;

  constructor(calls: BatchCalls, descriptor: number, isIpv6: boolean, sendAlone: SendAlone) {
    this.#calls = calls;
    this.#descriptor = descriptor;
    this.#names = new SocketNames(calls, isIpv6);
    this.#incoming = new MessageVector(BATCH, MAX_RECEIVED_BYTES, calls.addressOf);
    this.#outgoing = new MessageVector(BATCH, MAX_SENT_BYTES, calls.addressOf);
    this.#sendAlone = sendAlone;
  }

  /**
   * Hands what waits in the socket to `receive`, one batch of it at the most, each datagram in memory of its own.
   *
   * @param isEnded asked after each one: whether to drop the rest.
   * @returns how many there were, 64 when there may be more.
   */
  receive(receive: (bytes: Uint8Array, from: Address) => void, isEnded: () => boolean): number {
    const incoming = this.#incoming;
    const count = this.#calls.receive(this.#descriptor, incoming.address, BATCH);
    for (let index = 0; index < count && !isEnded(); index++) {
      const start = incoming.startOf(index);
      const bytes = takeBytes(incoming.bytes, start, incoming.receivedBytes(index));
      receive(bytes, this.#names.read(incoming.words, incoming.nameOf(index)));
    }
    return Math.max(0, count);
  }

  /** Adds a datagram to the batch, which goes when it is full; false when it has to go alone. */
  queue(bytes: Uint8Array, to: Destination, isReported: boolean): boolean {
    if (bytes.length > MAX_SENT_BYTES) return false;
    const name = this.#nameOf(to);
    if (name === undefined) return false;
    const index = this.#destinations.length;
    const outgoing = this.#outgoing;
    copyBytes(outgoing.bytes, outgoing.startOf(index), bytes);
    const { words } = name;
    const start = outgoing.nameOf(index);
    for (let i = 0; i < words.length; i++) outgoing.words[start + i] = words[i] as number; // Within its length.
    outgoing.setLengths(index, bytes.length, words.byteLength);
    this.#destinations.push(name);
    this.#isReported.push(isReported);
    if (index + 1 === BATCH) this.flush();
    return true;
  }

  /** Sends what was gathered; returns how many datagrams it was. */
  flush(): number {
    const count = this.#destinations.length;
    try {
      for (let done = 0; done < count;) {
        const sent = this.#calls.send(this.#descriptor, this.#outgoing.addressOf(done), count - done);
        if (sent <= 0) this.#sendEntryAlone(done);
        done += Math.max(1, sent);
      }
    } finally {
      // Whatever comes of it, nothing is sent twice.
      this.#destinations.length = 0;
      this.#isReported.length = 0;
    }
    return count;
  }

  /** It tells why it is refused, or waits until there is room. */
  #sendEntryAlone(index: number): void {
    const { bytes } = this.#outgoing;
    const start = this.#outgoing.startOf(index);
    const to = this.#destinations[index];
    const length = this.#outgoing.sentBytes(index);
    if (to !== undefined) this.#sendAlone(bytes.slice(start, start + length), to, this.#isReported[index] === true);
  }

  #nameOf(to: Destination): SocketName | undefined {
    if (to instanceof SocketName) return to;
    if (to.route instanceof SocketName) return to.route;
    const name = this.#names.parse(to);
    to.route = name;
    return name;
  }
}

/** Batches for `socket`; undefined where the system or the machine has none, or its descriptor is not found. */
export async function openBatches(socket: Socket, sendAlone: SendAlone): Promise<DatagramBatches | undefined> {
  const calls = await loadBatchCalls();
  if (calls === undefined) return undefined;
  try {
    const address = socket.address();
    const isIpv6 = isIPv6(address.address.split("%", 1)[0] ?? "");
    const descriptor = findDescriptor(calls, address, isIpv6);
    return descriptor === undefined ? undefined : new DatagramBatches(calls, descriptor, isIpv6, sendAlone);
  } catch {
    // Closed in the meantime, or there is no /proc: Node goes on alone.
    return undefined;
  }
}

/** The descriptor of the only datagram socket of this process at `address`: Node does not tell it. */
function findDescriptor(calls: BatchCalls, { address, port }: Address, isIpv6: boolean): number | undefined {
  const names = new SocketNames(calls, isIpv6);
  const family = isIpv6 ? 10 : 2;
  const words = new Int32Array(8);
  const found = readdirSync("/proc/self/fd")
    .map(Number)
    .filter((descriptor) => {
      if (!calls.nameOfSocket(descriptor, new Uint8Array(words.buffer))) return false;
      if (((words[0] ?? 0) & 0xffff) !== family) return false;
      const name = names.read(words, 0);
      return name.port === port && name.address === address;
    });
  return found.length === 1 ? found[0] : undefined;
}

/** A copy: the buffer is written to again, while applications may keep what they got. */
function takeBytes(source: Uint8Array, start: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (length > 64) bytes.set(source.subarray(start, start + length));
  else for (let i = 0; i < length; i++) bytes[i] = source[start + i] as number; // Within the buffer.
  return bytes;
}
