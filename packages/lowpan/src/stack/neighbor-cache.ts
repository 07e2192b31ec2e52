import { type Instant, type Machine, NEVER } from "@isthmus/machine";
import { addressKey, addressOfKey, type Ipv6Address, isLinkLocal, linkAddressOf } from "../wire/ip/address.js";
import { equalLinkAddresses, type LinkAddress } from "../wire/mac/link-address.js";

/** Constants of neighbour unreachability detection (RFC 4861 10, RFC 6775 9). */
const MAX_UNICAST_SOLICITATIONS = 3;
const RETRANSMISSION_MS = 1_000;
/** RFC 7048 3: each wait three times as long as the one before, as what is busy now may be quiet in a while. */
const BACKOFF_MULTIPLE = 3;
/** Packets lost in a row after which a neighbour is asked whether it is still there. */
const SUSPICIOUS_FAILURES = 2;
const DEFAULT_MAX_NEIGHBORS = 128;

interface Neighbor {
  link: LinkAddress;
  failures: number;
  /** Solicitations sent since the neighbour became suspicious; undefined while it is not. */
  probes: number | undefined;
  probeAt: Instant;
}

/** What the cache wants done. */
export type NeighborEvent =
  | { readonly type: "probe"; readonly address: Ipv6Address }
  | { readonly type: "unreachable"; readonly address: Ipv6Address };

/**
 * Link addresses of neighbours, and whether they can still be reached: acknowledged frames say yes, lost ones make
 * the cache ask with neighbour solicitations, and three without answer say no (RFC 4861 7.3, RFC 6775 5.5).
 */
export class NeighborCache implements Machine {
  readonly #maxNeighbors: number;
  /** The neighbour used least recently comes first. */
  readonly #neighborByAddress = new Map<string, Neighbor>();
  #probing = 0;
  #events: NeighborEvent[] = [];

  /** @param maxNeighbors entries at most; the one used least recently is forgotten. Default 128. */
  constructor(maxNeighbors = DEFAULT_MAX_NEIGHBORS) {
    this.#maxNeighbors = maxNeighbors;
  }

  /** The link address of a neighbour: as it was told, or for a link-local address as its identifier says. */
  lookup(address: Ipv6Address): LinkAddress | undefined {
    const known = this.#neighborByAddress.get(addressKey(address));
    if (known !== undefined) return known.link;
    return isLinkLocal(address) ? linkAddressOf(address) : undefined;
  }

  /** Remembers what a neighbour told of itself. */
  learn(address: Ipv6Address, link: LinkAddress): void {
    const key = addressKey(address);
    const known = this.#neighborByAddress.get(key);
    this.#neighborByAddress.delete(key);
    const isSame = known !== undefined && equalLinkAddresses(known.link, link);
    this.#neighborByAddress.set(key, isSame ? known : { link, failures: 0, probes: undefined, probeAt: NEVER });
    if (known?.probes !== undefined && !isSame) this.#probing--;
    if (this.#neighborByAddress.size > this.#maxNeighbors) this.#forgetOldest();
  }

  /** Takes a solicited advertisement or an acknowledged frame for a sign of life. */
  confirm(link: LinkAddress): void {
    for (const neighbor of this.#neighborByAddress.values()) {
      if (!equalLinkAddresses(neighbor.link, link)) continue;
      neighbor.failures = 0;
      this.#endProbing(neighbor);
    }
  }

  /** Takes note that a packet did not get to the neighbour. */
  handleFailure(now: Instant, link: LinkAddress): void {
    for (const neighbor of this.#neighborByAddress.values()) {
      if (!equalLinkAddresses(neighbor.link, link) || neighbor.probes !== undefined) continue;
      neighbor.failures++;
      if (neighbor.failures < SUSPICIOUS_FAILURES) continue;
      neighbor.probes = 0;
      neighbor.probeAt = now;
      this.#probing++;
    }
  }

  takeEvents(): NeighborEvent[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }

  nextDeadline(): Instant {
    if (this.#probing === 0) return NEVER;
    let next = NEVER;
    for (const { probeAt } of this.#neighborByAddress.values()) if (probeAt < next) next = probeAt;
    return next;
  }

  handleTimeout(now: Instant): void {
    if (this.#probing === 0) return;
    for (const [key, neighbor] of this.#neighborByAddress) {
      if (neighbor.probes === undefined || neighbor.probeAt > now) continue;
      if (neighbor.probes === MAX_UNICAST_SOLICITATIONS) {
        this.#endProbing(neighbor);
        this.#neighborByAddress.delete(key);
        this.#events.push({ type: "unreachable", address: addressOfKey(key) });
        continue;
      }
      neighbor.probeAt = now + RETRANSMISSION_MS * BACKOFF_MULTIPLE ** neighbor.probes;
      neighbor.probes++;
      this.#events.push({ type: "probe", address: addressOfKey(key) });
    }
  }

  #endProbing(neighbor: Neighbor): void {
    if (neighbor.probes === undefined) return;
    neighbor.probes = undefined;
    neighbor.probeAt = NEVER;
    this.#probing--;
  }

  #forgetOldest(): void {
    for (const [key, neighbor] of this.#neighborByAddress) {
      this.#endProbing(neighbor);
      this.#neighborByAddress.delete(key);
      return;
    }
  }
}
