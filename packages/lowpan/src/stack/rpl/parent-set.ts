import type { Instant } from "@isthmus/machine";
import { addressKey, type Ipv6Address } from "../../wire/ip/address.js";
import type { LinkAddress } from "../../wire/mac/link-address.js";
import type { Candidate, ObjectiveFunction } from "./objective-function.js";
import { INFINITE_RANK } from "./rank.js";

/** A neighbour in our DODAG that told its rank. */
export interface Parent {
  readonly address: Ipv6Address;
  readonly link: LinkAddress;
  readonly rank: number;
  readonly dtsn: number;
  readonly heardAt: Instant;
}

/** The neighbours that may be parents, and the one that is preferred (RFC 6550 8.2). */
export class ParentSet {
  readonly #maxParents: number;
  readonly #etxOf: (link: LinkAddress) => number;
  readonly #parentByAddress = new Map<string, Parent>();
  #preferred: string | undefined;

  constructor(maxParents: number, etxOf: (link: LinkAddress) => number) {
    this.#maxParents = maxParents;
    this.#etxOf = etxOf;
  }

  get preferred(): Parent | undefined {
    return this.#preferred === undefined ? undefined : this.#parentByAddress.get(this.#preferred);
  }

  get(address: Ipv6Address): Parent | undefined {
    return this.#parentByAddress.get(addressKey(address));
  }

  /** Remembers what a neighbour told; the one heard of least recently, but not the preferred one, makes room. */
  set(parent: Parent): void {
    const key = addressKey(parent.address);
    this.#parentByAddress.delete(key);
    this.#parentByAddress.set(key, parent);
    if (this.#parentByAddress.size <= this.#maxParents) return;
    for (const oldest of this.#parentByAddress.keys()) {
      if (oldest === this.#preferred || oldest === key) continue;
      this.#parentByAddress.delete(oldest);
      return;
    }
  }

  delete(address: Ipv6Address): void {
    const key = addressKey(address);
    this.#parentByAddress.delete(key);
    if (this.#preferred === key) this.#preferred = undefined;
  }

  clear(): void {
    this.#parentByAddress.clear();
    this.#preferred = undefined;
  }

  /** The rank that we have through the preferred parent. */
  rank(objective: ObjectiveFunction, minHopRankIncrease: number): number {
    const { preferred } = this;
    return preferred === undefined ? INFINITE_RANK : this.#rankThrough(preferred, objective, minHopRankIncrease);
  }

  /**
   * Prefers the neighbour with the least rank to come of it, unless the present one is nearly as good; whether that is
   * another one than before.
   *
   * @param maxRank a rank above which no parent may lift us.
   */
  choose(objective: ObjectiveFunction, minHopRankIncrease: number, maxRank: number): boolean {
    const ranked = Array.from(this.#parentByAddress.values(), (parent) => ({
      parent,
      rank: this.#rankThrough(parent, objective, minHopRankIncrease),
      isGood: objective.isGoodParent(this.#candidate(parent)),
    })).filter(({ rank }) => rank <= maxRank && rank < INFINITE_RANK);
    // A link that has become bad is better than none: whether it is dead, neighbour discovery finds out.
    const good = ranked.filter(({ isGood }) => isGood);
    const candidates = good.length > 0 ? good : ranked;
    const best = candidates.reduce<(typeof ranked)[number] | undefined>(
      (least, candidate) => (least === undefined || candidate.rank < least.rank ? candidate : least),
      undefined,
    );
    const present = candidates.find(({ parent }) => parent === this.preferred);
    if (present !== undefined && best !== undefined && best.rank + objective.switchThreshold > present.rank)
      return false;
    const chosen = best === undefined ? undefined : addressKey(best.parent.address);
    const isChanged = chosen !== this.#preferred;
    this.#preferred = chosen;
    return isChanged;
  }

  #rankThrough(parent: Parent, objective: ObjectiveFunction, minHopRankIncrease: number): number {
    return objective.rankThrough(this.#candidate(parent), minHopRankIncrease);
  }

  #candidate({ rank, link }: Parent): Candidate {
    return { rank, etx: this.#etxOf(link) };
  }
}
