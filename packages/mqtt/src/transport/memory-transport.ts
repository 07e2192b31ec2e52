import type { Transport, TransportListener } from "./transport.js";

/** Undelivered bytes at which a direction counts as congested. */
const HIGH_WATER_MARK_BYTES = 64 * 1024;

/**
 * Two connected {@link Transport}s in memory: what one writes, the other receives, in a microtask of its own.
 *
 * Bytes are passed by reference, chunk by chunk as written. A paused side fills its peer's buffer, so back-pressure
 * behaves as on a socket.
 *
 * @param names who each side is: the first is the `remoteAddress` that the second sees, and the reverse.
 */
export function memoryTransportPair(
  names: readonly [string, string] = ["in-process", "in-process"],
): [Transport, Transport] {
  const first = new MemoryTransport(names);
  return [first, first.peer];
}

class MemoryTransport implements Transport {
  readonly peer: MemoryTransport;
  readonly remoteAddress: string;
  #listener: TransportListener | undefined;
  /** What the peer wrote and this side has not been given yet. */
  #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  #isPaused = false;
  #isTurnScheduled = false;
  #isEnding = false;
  #isClosing = false;
  #isClosed = false;
  #isCongested = false;
  #isDrainDue = false;

  constructor([ownName, peerName]: readonly [string, string], peer?: MemoryTransport) {
    this.remoteAddress = peerName;
    this.peer = peer ?? new MemoryTransport([peerName, ownName], this);
  }

  get bufferedBytes(): number {
    return this.peer.#inboxBytes;
  }

  open(listener: TransportListener): void {
    this.#listener = listener;
    this.#scheduleTurn();
  }

  write(bytes: Uint8Array): boolean {
    const peer = this.peer;
    if (this.#isEnding || this.#isClosing || peer.#isClosing) return false;
    peer.#inbox.push(bytes);
    peer.#inboxBytes += bytes.length;
    peer.#scheduleTurn();
    if (peer.#inboxBytes >= HIGH_WATER_MARK_BYTES) this.#isCongested = true;
    return !this.#isCongested;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    let isFree = !this.#isCongested;
    for (const part of parts) isFree = this.write(part);
    return isFree;
  }

  pause(): void {
    this.#isPaused = !this.#isEnding;
  }

  resume(): void {
    this.#isPaused = false;
    this.#scheduleTurn();
  }

  end(): void {
    this.#isEnding = true;
    // What comes in from now on is dropped, as nobody waits for it.
    this.#isPaused = false;
    this.#scheduleTurn();
    this.peer.#scheduleTurn();
  }

  destroy(): void {
    this.#close();
    this.peer.#close();
  }

  #close(): void {
    this.#isClosing = true;
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled || this.#isClosed) return;
    this.#isTurnScheduled = true;
    queueMicrotask(() => this.#turn());
  }

  #turn(): void {
    this.#isTurnScheduled = false;
    const listener = this.#listener;
    if (!listener) return;
    if (this.#isDrainDue) {
      this.#isDrainDue = false;
      if (!this.#isClosing) listener.handleDrain();
    }
    this.#deliver(listener);
    const isPeerDone = this.peer.#isEnding && this.#inbox.length === 0;
    if (isPeerDone || (this.#isEnding && this.bufferedBytes === 0)) this.destroy();
    if (!this.#isClosing || this.#isClosed) return;
    this.#isClosed = true;
    listener.handleClose(undefined);
  }

  #deliver(listener: TransportListener): void {
    const isDropping = this.#isEnding;
    let count = 0;
    // The listener may pause or destroy in the middle: destroying empties the inbox.
    for (; count < this.#inbox.length && !this.#isPaused; count++) {
      const chunk = this.#inbox[count];
      this.#inboxBytes -= chunk?.length ?? 0;
      if (chunk && !isDropping) listener.receiveBytes(chunk);
    }
    this.#inbox.splice(0, count);
    this.peer.#noteDelivery();
  }

  #noteDelivery(): void {
    if (this.#isCongested && this.bufferedBytes < HIGH_WATER_MARK_BYTES) {
      this.#isCongested = false;
      this.#isDrainDue = true;
      this.#scheduleTurn();
    } else if (this.#isEnding && this.bufferedBytes === 0) this.#scheduleTurn();
  }
}
