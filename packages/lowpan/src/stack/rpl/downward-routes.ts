import { type Instant, type Machine, NEVER, type RandomSource, TimerTable } from "@isthmus/machine";
import { equalBytes } from "@isthmus/bytes";
import { addressKey, addressOfKey, type Ipv6Address } from "../../wire/ip/address.js";
import type { DaoAck, DestinationAdvertisement, RplMessage } from "../../wire/ip/rpl-message.js";
import type { RplOption } from "../../wire/ip/rpl-option.js";
import { isLollipopNewer, LOLLIPOP_INIT, nextLollipop } from "./rank.js";
import { type Route, RouteTable } from "./route-table.js";

/** DelayDAO: changes are gathered this long before a DAO tells of them (RFC 6550 9.5 proposes a second). */
const DAO_DELAY_MS = 1_000;
/** Under a new parent, nobody finds us until it knows. */
const FIRST_DAO_DELAY_MS = 200;
const ACK_TIMEOUT_MS = 3_000;
const MAX_ATTEMPTS = 3;
/** A DAO that is never acknowledged is tried again after a while, and then after longer and longer. */
const RETRY_MS = 15_000;
const MAX_RETRY_MS = 240_000;
/** Targets of one DAO: as many as fit one frame, as a lost fragment costs them all. */
const MAX_TARGETS = 3;
const FOREVER = 0xff;
const ACCEPTED = 0;
/** Above 127: the sender is to look for another parent. */
const REFUSED = 128;

/** What the routes need of the DODAG and of the node. */
export interface DownwardRoutesOutput {
  send(now: Instant, destination: Ipv6Address, message: RplMessage): void;
  /** The addresses that this node answers for: its own, and those of hosts that have registered with it. */
  ownTargets(): readonly OwnTarget[];
  isOwnAddress(address: Ipv6Address): boolean;
  /** A child tells of an address: a host of ours may have moved there. */
  handleTold(now: Instant, target: Ipv6Address, child: Ipv6Address): void;
}

/** An address that a node tells its parent of in its own name. */
export interface OwnTarget {
  readonly address: Ipv6Address;
  /** The transaction number of an extended registration: it goes with the host from router to router (RFC 9010 9.2). */
  readonly pathSequence: number | undefined;
}

/** What the DODAG says of routes. */
export interface RouteLifetime {
  readonly instanceId: number;
  /** In units; 255 is forever. */
  readonly defaultLifetime: number;
  readonly lifetimeUnitSeconds: number;
}

/** The DAO that waits for its acknowledgement. */
interface InFlight {
  readonly sequence: number;
  readonly targets: readonly string[];
  attempts: number;
}

/** Ways down (RFC 6550 9, storing mode): learned from the DAOs of children, told on to the parent. */
export class DownwardRoutes implements Machine {
  readonly routes: RouteTable;
  readonly #random: RandomSource;
  readonly #output: DownwardRoutesOutput;
  readonly #timers = new TimerTable<"send" | "ack" | "refresh">();
  /** Targets that the parent is yet to be told of, or that they are gone. */
  readonly #untold = new Set<string>();
  #parent: Ipv6Address | undefined;
  /** The one before, which has not been told so yet. */
  #formerParent: Ipv6Address | undefined;
  #lifetime: RouteLifetime | undefined;
  #inFlight: InFlight | undefined;
  #retryMs = RETRY_MS;
  #daoSequence = LOLLIPOP_INIT;
  #pathSequence = LOLLIPOP_INIT;

  constructor(random: RandomSource, output: DownwardRoutesOutput, maxRoutes?: number) {
    this.#random = random;
    this.#output = output;
    this.routes = new RouteTable(maxRoutes);
  }

  lookup(bytes: Uint8Array, at = 0): Route | undefined {
    return this.routes.lookup(bytes, at);
  }

  /** Takes over what the DODAG says of lifetimes. */
  configure(lifetime: RouteLifetime): void {
    this.#lifetime = lifetime;
  }

  /**
   * Tells the new parent of all, and then the old one that it is not the way any more (RFC 6550 9.2, 6.4.3): until the
   * new way is known, the old one may still do.
   */
  handleParent(now: Instant, parent: Ipv6Address | undefined): void {
    const old = this.#parent;
    this.#inFlight = undefined;
    this.#timers.clear();
    this.#parent = parent;
    if (old !== undefined && this.#formerParent === undefined) this.#formerParent = old;
    if (parent === undefined) {
      this.#partFromFormer(now);
      return;
    }
    if (this.#formerParent !== undefined && equalBytes(this.#formerParent, parent)) this.#formerParent = undefined;
    this.#markAll();
    this.#timers.set("send", now + this.#fraction() * FIRST_DAO_DELAY_MS);
  }

  /** Tells the parent of all targets: it has changed, or asked with a new DTSN. */
  tellAll(now: Instant): void {
    this.#markAll();
    this.#scheduleSend(now);
  }

  /** Tells the parent of one target: it is new, or gone. */
  handleTargetChange(now: Instant, target: Ipv6Address): void {
    this.#pathSequence = nextLollipop(this.#pathSequence);
    this.#untold.add(addressKey(target));
    this.#scheduleSend(now);
  }

  /** Takes a DAO of a child. @param from the child's link-local address. */
  handleDao(now: Instant, from: Ipv6Address, message: DestinationAdvertisement): void {
    let status = ACCEPTED;
    let targets: Ipv6Address[] = [];
    for (const option of message.options) {
      if (option.type === "rpl-target" && option.prefixLength === 128) targets.push(option.prefix);
      if (option.type !== "transit-information") continue;
      for (const target of targets) {
        if (!this.#takeRoute(now, from, target, option.pathSequence, option.pathLifetime)) status = REFUSED;
      }
      targets = [];
    }
    if (!message.wantsAck) return;
    const { instanceId, sequence, dodagId } = message;
    this.#output.send(now, from, { type: "dao-ack", instanceId, sequence, status, dodagId, options: [] });
  }

  /** Takes the parent's acknowledgement; whether it refused the routes. */
  handleDaoAck(now: Instant, message: DaoAck): boolean {
    const inFlight = this.#inFlight;
    if (inFlight === undefined || message.sequence !== inFlight.sequence) return false;
    this.#inFlight = undefined;
    this.#retryMs = RETRY_MS;
    this.#timers.cancel("ack");
    // From the first time that the parent heard of anything; what comes later is renewed sooner than it must.
    if (this.#timers.deadline("refresh") === undefined) this.#timers.set("refresh", now + this.#refreshMs());
    if (this.#untold.size > 0) this.#send(now);
    else this.#partFromFormer(now);
    return message.status >= REFUSED;
  }

  /** Forgets what led over a neighbour that is gone. */
  handleUnreachable(now: Instant, neighbor: Ipv6Address): void {
    for (const target of this.routes.deleteThrough(neighbor)) this.#untold.add(addressKey(target));
    if (this.#untold.size > 0) this.#scheduleSend(now);
  }

  nextDeadline(): Instant {
    return Math.min(this.#timers.nextDeadline(), this.routes.nextDeadline());
  }

  handleTimeout(now: Instant): void {
    this.routes.handleTimeout(now);
    for (const timer of this.#timers.takeDue(now)) {
      if (timer === "send") this.#send(now);
      else if (timer === "ack") this.#resend(now);
      else this.tellAll(now);
    }
  }

  #markAll(): void {
    this.#pathSequence = nextLollipop(this.#pathSequence);
    for (const { address } of this.#output.ownTargets()) this.#untold.add(addressKey(address));
    for (const { target } of this.routes.entries()) this.#untold.add(addressKey(target));
  }

  #partFromFormer(now: Instant): void {
    const former = this.#formerParent;
    this.#formerParent = undefined;
    if (former !== undefined) this.#sendNoPath(now, former);
  }

  /** False when there is no room for the route. */
  #takeRoute(
    now: Instant,
    from: Ipv6Address,
    target: Ipv6Address,
    pathSequence: number,
    pathLifetime: number,
  ): boolean {
    // A child that tells of us has not heard yet that we are above it now.
    if (this.#output.isOwnAddress(target)) return true;
    this.#output.handleTold(now, target, from);
    const known = this.routes.lookup(target);
    const isOld =
      known !== undefined && pathSequence !== known.pathSequence && !isLollipopNewer(pathSequence, known.pathSequence);
    if (isOld) return true;
    if (pathLifetime === 0) {
      // Another child may have told of it in the meantime: only who told of the route takes it back.
      if (known === undefined || !equalBytes(known.nextHop, from)) return true;
      this.routes.delete(target);
    } else {
      const isStored = this.routes.set(target, {
        nextHop: from,
        pathSequence,
        expiresAt: now + this.#lifetimeMs(pathLifetime),
      });
      if (!isStored) return false;
    }
    this.#untold.add(addressKey(target));
    this.#scheduleSend(now);
    return true;
  }

  #scheduleSend(now: Instant): void {
    if (this.#parent === undefined) {
      this.#untold.clear();
      return;
    }
    if (this.#inFlight !== undefined || this.#timers.deadline("send") !== undefined) return;
    this.#timers.set("send", now + DAO_DELAY_MS * (0.5 + this.#fraction()));
  }

  #fraction(): number {
    return this.#random.nextUint32() / 0x1_0000_0000;
  }

  #send(now: Instant): void {
    if (this.#inFlight !== undefined) return;
    const targets = [...this.#untold].slice(0, MAX_TARGETS);
    if (targets.length === 0) return;
    for (const target of targets) this.#untold.delete(target);
    this.#daoSequence = nextLollipop(this.#daoSequence);
    this.#inFlight = { sequence: this.#daoSequence, targets, attempts: 0 };
    this.#resend(now);
  }

  #resend(now: Instant): void {
    const inFlight = this.#inFlight;
    if (inFlight === undefined || this.#parent === undefined || this.#lifetime === undefined) return;
    if (inFlight.attempts === MAX_ATTEMPTS) {
      this.#inFlight = undefined;
      for (const target of inFlight.targets) this.#untold.add(target);
      this.#timers.set("send", now + this.#retryMs * (0.5 + this.#fraction()));
      this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
      return;
    }
    inFlight.attempts++;
    this.#timers.set("ack", now + ACK_TIMEOUT_MS * inFlight.attempts * (0.75 + this.#fraction() / 2));
    this.#output.send(now, this.#parent, {
      type: "dao",
      instanceId: this.#lifetime.instanceId,
      wantsAck: true,
      sequence: inFlight.sequence,
      dodagId: undefined,
      options: this.#optionsFor(now, inFlight.targets, this.#lifetime),
    });
  }

  #sendNoPath(now: Instant, parent: Ipv6Address): void {
    const lifetime = this.#lifetime;
    if (lifetime === undefined) return;
    // Those that are gone, but of which it has not been told, as well.
    const gone = Array.from(this.#untold, (key) => addressOfKey(key));
    const known = Array.from(this.routes.entries(), ({ target }) => target);
    const own = this.#output.ownTargets().map(({ address }) => address);
    const keys = new Set([...own, ...known, ...gone].map((target) => addressKey(target)));
    const targets = Array.from(keys, (key) => addressOfKey(key));
    for (let i = 0; i < targets.length; i += MAX_TARGETS) {
      this.#daoSequence = nextLollipop(this.#daoSequence);
      const options = targets.slice(i, i + MAX_TARGETS).flatMap((target) => this.#pairFor(target, 0));
      const { instanceId } = lifetime;
      const sequence = this.#daoSequence;
      this.#output.send(now, parent, {
        type: "dao",
        instanceId,
        wantsAck: false,
        sequence,
        dodagId: undefined,
        options,
      });
    }
  }

  #optionsFor(now: Instant, targets: readonly string[], { defaultLifetime }: RouteLifetime): RplOption[] {
    const own = new Set(this.#output.ownTargets().map(({ address }) => addressKey(address)));
    return targets.flatMap((key) => {
      const target = addressOfKey(key);
      const route = this.routes.lookup(target);
      // Neither ours nor anyone's below: it is gone.
      const pathLifetime = own.has(key)
        ? defaultLifetime
        : route === undefined
          ? 0
          : this.#units(route.expiresAt - now);
      return this.#pairFor(target, pathLifetime);
    });
  }

  #pairFor(target: Ipv6Address, pathLifetime: number): RplOption[] {
    return [
      { type: "rpl-target", prefix: target, prefixLength: 128 },
      {
        type: "transit-information",
        isExternal: false,
        pathControl: 0,
        // The owner of an address counts; who passes it on does not (RFC 6550 9.2.2).
        pathSequence: this.#pathSequenceOf(target),
        pathLifetime,
        parent: undefined,
      },
    ];
  }

  #pathSequenceOf(target: Ipv6Address): number {
    const route = this.routes.lookup(target);
    return route?.pathSequence ?? this.#ownTarget(target)?.pathSequence ?? this.#pathSequence;
  }

  #ownTarget(target: Ipv6Address): OwnTarget | undefined {
    return this.#output.ownTargets().find(({ address }) => equalBytes(address, target));
  }

  #units(milliseconds: number): number {
    if (milliseconds === NEVER || this.#lifetime === undefined) return FOREVER;
    const units = Math.ceil(milliseconds / (this.#lifetime.lifetimeUnitSeconds * 1_000));
    return Math.min(FOREVER - 1, Math.max(1, units));
  }

  #lifetimeMs(units: number): number {
    const unitSeconds = this.#lifetime?.lifetimeUnitSeconds ?? 60;
    return units === FOREVER ? NEVER : units * unitSeconds * 1_000;
  }

  /** Own routes are renewed when half of their life is over. */
  #refreshMs(): number {
    const lifetime = this.#lifetime?.defaultLifetime ?? 30;
    return lifetime === FOREVER ? NEVER : this.#lifetimeMs(lifetime) / 2;
  }
}
