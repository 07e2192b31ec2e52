import type { Instant } from "@isthmus/machine";
import { addressKey, addressOfKey, type Ipv6Address } from "../../wire/ip/address.js";
import { ExpiringMap } from "../expiring-map.js";

/** A way down to a node, learned from a DAO. */
export interface Route {
  /** The link-local address of the neighbour that told of it. */
  readonly nextHop: Ipv6Address;
  readonly pathSequence: number;
  readonly expiresAt: Instant;
}

/** The ways down through each child (RFC 6550 9.7), a bounded number of them. */
export class RouteTable {
  readonly #routeByTarget: ExpiringMap<Route>;

  /** @param maxRoutes default 512. */
  constructor(maxRoutes = 512) {
    this.#routeByTarget = new ExpiringMap(maxRoutes);
  }

  get size(): number {
    return this.#routeByTarget.size;
  }

  /** The route to the address that stands at `at`. */
  lookup(bytes: Uint8Array, at = 0): Route | undefined {
    return this.#routeByTarget.get(addressKey(bytes, at));
  }

  /** False when there is no room for one more. */
  set(target: Ipv6Address, route: Route): boolean {
    return this.#routeByTarget.set(addressKey(target), route);
  }

  /** Whether there was a route to forget. */
  delete(target: Ipv6Address): boolean {
    return this.#routeByTarget.delete(addressKey(target));
  }

  clear(): void {
    this.#routeByTarget.clear();
  }

  /** Forgets all routes over this neighbour; returns whom they led to. */
  deleteThrough(nextHop: Ipv6Address): Ipv6Address[] {
    const wanted = addressKey(nextHop);
    const keys: string[] = [];
    for (const [target, route] of this.#routeByTarget.entries()) {
      if (addressKey(route.nextHop) === wanted) keys.push(target);
    }
    for (const key of keys) this.#routeByTarget.delete(key);
    return keys.map((key) => addressOfKey(key));
  }

  /** All routes, each with whom it leads to. */
  *entries(): Generator<Route & { readonly target: Ipv6Address }> {
    for (const [key, route] of this.#routeByTarget.entries()) yield { target: addressOfKey(key), ...route };
  }

  nextDeadline(): Instant {
    return this.#routeByTarget.nextDeadline();
  }

  /** Forgets what has expired; whether there was any. */
  handleTimeout(now: Instant): boolean {
    return this.#routeByTarget.takeExpired(now).length > 0;
  }
}
