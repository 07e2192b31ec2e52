import type { Instant, RandomSource } from "@isthmus/machine";
import { DatagramPeer } from "./datagram-peer.js";
import type { Address } from "./endpoint.js";

/** Peers used within so long of each other may be forgotten in any order. */
const ORDER_MS = 1_000;

/**
 * The peers by address, the one unused for longest first to be forgotten.
 *
 * Bounded in number; a peer that something holds on to is never forgotten.
 */
export class PeerTable {
  readonly #random: RandomSource;
  readonly #maxPeers: number;
  readonly #idleMs: number;
  /** By port within address: no key string is built for a datagram. */
  readonly #peerByPort = new Map<string, Map<number, DatagramPeer>>();
  #newest: DatagramPeer | undefined;
  #oldest: DatagramPeer | undefined;
  #size = 0;
  #nextId = 1;

  /** @param idleMs a peer not heard of for so long is forgotten when another comes. */
  constructor(random: RandomSource, maxPeers: number, idleMs: number) {
    this.#random = random;
    this.#maxPeers = maxPeers;
    this.#idleMs = idleMs;
  }

  get size(): number {
    return this.#size;
  }

  /** The peer at `address`, now the one used last; made when it is new. Undefined when there are too many in use. */
  touch(now: Instant, address: Address): DatagramPeer | undefined {
    const known = this.#peerByPort.get(address.address)?.get(address.port);
    if (known === undefined) return this.#create(now, address);
    // The order of use is kept to the second: moving a peer for each message costs more than it is worth.
    if (now - known.lastSeenAt < ORDER_MS) return known;
    known.lastSeenAt = now;
    if (known !== this.#newest) {
      this.#unlink(known);
      this.#linkNewest(known);
    }
    return known;
  }

  #create(now: Instant, address: Address): DatagramPeer | undefined {
    // Two for one that comes: idle peers go faster than new ones come.
    for (let count = 0; count < 2; count++) this.#forgetIdle(now);
    if (this.#size >= this.#maxPeers && !this.#forgetOldest()) return undefined;
    const peer = new DatagramPeer(this.#nextId, address, this.#random.nextUint32(), now);
    this.#nextId = (this.#nextId + 1) >>> 0;
    let peers = this.#peerByPort.get(peer.address);
    if (peers === undefined) this.#peerByPort.set(peer.address, (peers = new Map<number, DatagramPeer>()));
    peers.set(peer.port, peer);
    this.#linkNewest(peer);
    this.#size++;
    return peer;
  }

  #forgetIdle(now: Instant): void {
    const oldest = this.#oldest;
    if (oldest === undefined || oldest.lastSeenAt + this.#idleMs > now) return;
    if (oldest.holds === 0) {
      this.#forget(oldest);
    } else {
      // Held: look at it again when it has been idle for as long once more.
      oldest.lastSeenAt = now;
      this.#unlink(oldest);
      this.#linkNewest(oldest);
    }
  }

  #forgetOldest(): boolean {
    // A few steps: when that many at the old end are all held, the table is full of peers in use.
    let peer = this.#oldest;
    for (let count = 0; count < 16 && peer !== undefined; count++, peer = peer.newer) {
      if (peer.holds === 0) {
        this.#forget(peer);
        return true;
      }
    }
    return false;
  }

  #forget(peer: DatagramPeer): void {
    this.#unlink(peer);
    this.#size--;
    const peers = this.#peerByPort.get(peer.address);
    peers?.delete(peer.port);
    if (peers?.size === 0) this.#peerByPort.delete(peer.address);
  }

  #linkNewest(peer: DatagramPeer): void {
    peer.older = this.#newest;
    peer.newer = undefined;
    if (this.#newest) this.#newest.newer = peer;
    this.#newest = peer;
    this.#oldest ??= peer;
  }

  #unlink(peer: DatagramPeer): void {
    if (peer.newer) peer.newer.older = peer.older;
    else this.#newest = peer.older;
    if (peer.older) peer.older.newer = peer.newer;
    else this.#oldest = peer.newer;
    peer.newer = undefined;
    peer.older = undefined;
  }
}
