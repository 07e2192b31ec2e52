import { equalBytes } from "@isthmus/bytes";
import { type Instant, type Machine, NEVER, type RandomSource } from "@isthmus/machine";
import { addressKey, addressOnPrefix, type Ipv6Address, parseAddress } from "../wire/ip/address.js";
import type { NeighborAdvertisement, RouterAdvertisement } from "../wire/ip/nd-message.js";
import { type AddressRegistrationOption, REGISTRATION_STATUS } from "../wire/ip/nd-option.js";
import type { Icmpv6Message } from "../wire/ip/icmpv6.js";
import type { LinkAddress } from "../wire/mac/link-address.js";

/** Constants of RFC 6775 9 and RFC 4861 10. */
const RTR_SOLICITATION_INTERVAL_MS = 10_000;
const MAX_RTR_SOLICITATIONS = 3;
const MAX_RTR_SOLICITATION_INTERVAL_MS = 60_000;
const RETRANSMISSION_MS = 1_000;
const MAX_UNICAST_SOLICITATIONS = 3;
const MS_PER_MINUTE = 60_000;

/** How a node joins. */
export interface NdHostOptions {
  /** The extended address: what addresses are made of, and who registers them. */
  readonly address: LinkAddress;
  readonly linkLocal: Ipv6Address;
  /** Minutes for which an address is registered; it is renewed at half of that. Default 60. */
  readonly registrationLifetimeMinutes?: number;
  /** Most milliseconds before the first router solicitation. Default 1,000 (RFC 4861 6.3.7). */
  readonly maxInitialDelayMs?: number;
  /**
   * Registers in the extended way (RFC 8505), with this R flag: whether the router is to see to this node's
   * reachability. Default: in the plain way of RFC 6775.
   */
  readonly wantsRouting?: boolean | undefined;
}

/** What a host lets its node do. */
export interface NdHostOutput {
  send(now: Instant, source: Ipv6Address, destination: Ipv6Address, message: Icmpv6Message): void;
  /** An address may be used from now on: a router has registered it. */
  handleAddress(now: Instant, address: Ipv6Address, router: Ipv6Address): void;
  /** An address may not be used any more: someone else has it, or its prefix has expired. */
  handleAddressLost(now: Instant, address: Ipv6Address): void;
}

interface Router {
  readonly address: Ipv6Address;
  readonly expiresAt: Instant;
  /** When it is asked again, before it expires. */
  readonly refreshAt: Instant;
  readonly rssDbm: number;
}

interface Registration {
  readonly address: Ipv6Address;
  readonly validUntil: Instant;
  isRegistered: boolean;
  attempts: number;
  nextAt: Instant;
}

const ALL_ROUTERS = parseAddress("ff02::2");

/**
 * The host side of neighbour discovery for 6LoWPAN (RFC 6775 5, RFC 8505 5.6): finds a router, makes addresses of the
 * prefixes that it tells, registers them with it and keeps both alive.
 */
export class NdHost implements Machine {
  readonly #options: NdHostOptions;
  readonly #output: NdHostOutput;
  readonly #random: RandomSource;
  readonly #routerByAddress = new Map<string, Router>();
  readonly #registrationByAddress = new Map<string, Registration>();
  #router: Router | undefined;
  #solicitAt: Instant = NEVER;
  #solicitations = 0;
  #transactionId = 0;

  constructor(options: NdHostOptions, output: NdHostOutput, random: RandomSource) {
    this.#options = options;
    this.#output = output;
    this.#random = random;
  }

  /** The default router: its link-local address. */
  get defaultRouter(): Ipv6Address | undefined {
    return this.#router?.address;
  }

  /** Whether the address is ours but for a router's word: answers come to it already. */
  isAwaiting(address: Ipv6Address): boolean {
    return this.#registrationByAddress.has(addressKey(address));
  }

  /** Begins to look for routers. */
  start(now: Instant): void {
    const delay = this.#options.maxInitialDelayMs ?? 1_000;
    this.#solicitations = 0;
    this.#solicitAt = now + this.#fraction() * delay;
  }

  /** Takes a router advertisement that passed the checks of RFC 4861 6.1.2. */
  handleAdvertisement(now: Instant, source: Ipv6Address, message: RouterAdvertisement, rssDbm: number): void {
    const key = addressKey(source);
    const lifetimeMs = message.routerLifetimeSeconds * 1_000;
    if (lifetimeMs === 0) {
      this.#removeRouter(now, key);
      return;
    }
    const router = { address: source, expiresAt: now + lifetimeMs, refreshAt: now + lifetimeMs * 0.75, rssDbm };
    if (!this.#routerByAddress.has(key) && this.#routerByAddress.size >= MAX_ROUTERS) return;
    this.#routerByAddress.set(key, router);
    if (this.#router === undefined || equalBytes(this.#router.address, source) || this.#isBetter(router)) {
      this.#router = router;
    }
    this.#solicitAt = this.#router.refreshAt;
    for (const option of message.options) {
      if (option.type !== "prefix-information" || !option.isAutonomous || option.prefixLength !== 64) continue;
      this.#takePrefix(now, option.prefix, option.validLifetimeSeconds);
    }
  }

  /** Takes the answer to a registration, which came to `destination`. */
  handleRegistrationAnswer(
    now: Instant,
    destination: Ipv6Address,
    message: NeighborAdvertisement,
    option: AddressRegistrationOption,
  ): void {
    if (!equalBytes(option.owner, this.#options.address) || this.#router === undefined) return;
    const registration = this.#registrationMeant(destination, message.target);
    if (registration === undefined) return;
    if (option.status === REGISTRATION_STATUS.success || option.status === REGISTRATION_STATUS.moved) {
      this.#handleRegistered(now, registration, option.lifetimeMinutes);
    } else if (option.status === REGISTRATION_STATUS.neighborCacheFull) {
      this.handleUnreachable(now, this.#router.address);
    } else {
      this.#lose(now, registration);
    }
  }

  /** Takes note that a router is gone: another one is used, or looked for (RFC 6775 5.3). */
  handleUnreachable(now: Instant, address: Ipv6Address): void {
    this.#removeRouter(now, addressKey(address));
  }

  nextDeadline(): Instant {
    let next = this.#solicitAt;
    for (const { nextAt, validUntil } of this.#registrationByAddress.values()) {
      next = Math.min(next, validUntil, this.#router === undefined ? NEVER : nextAt);
    }
    for (const { expiresAt } of this.#routerByAddress.values()) next = Math.min(next, expiresAt);
    return next;
  }

  handleTimeout(now: Instant): void {
    for (const [key, { expiresAt }] of this.#routerByAddress) if (expiresAt <= now) this.#removeRouter(now, key);
    for (const registration of this.#registrationByAddress.values()) {
      if (registration.validUntil <= now) this.#lose(now, registration);
      else if (registration.nextAt <= now) this.#register(now, registration);
    }
    if (this.#solicitAt <= now) this.#solicit(now);
  }

  #solicit(now: Instant): void {
    const { address, linkLocal } = this.#options;
    const router = this.#router;
    this.#output.send(now, linkLocal, router?.address ?? ALL_ROUTERS, {
      type: "router-solicitation",
      options: [{ type: "source-link-address", address }],
    });
    this.#solicitations++;
    this.#solicitAt = now + this.#solicitationIntervalMs * (0.9 + this.#fraction() * 0.2);
  }

  /** RFC 6775 5.3: three at intervals of 10 s, then ever more rarely, up to once a minute. */
  get #solicitationIntervalMs(): number {
    const doublings = Math.max(0, this.#solicitations - MAX_RTR_SOLICITATIONS);
    return Math.min(RTR_SOLICITATION_INTERVAL_MS * 2 ** doublings, MAX_RTR_SOLICITATION_INTERVAL_MS);
  }

  #takePrefix(now: Instant, prefix: Ipv6Address, validLifetimeSeconds: number): void {
    const address = addressOnPrefix(prefix, this.#options.address);
    const key = addressKey(address);
    const validUntil = validLifetimeSeconds === 0xffff_ffff ? NEVER : now + validLifetimeSeconds * 1_000;
    const known = this.#registrationByAddress.get(key);
    if (known !== undefined) {
      this.#registrationByAddress.set(key, { ...known, validUntil });
      return;
    }
    if (this.#registrationByAddress.size >= MAX_ADDRESSES || validUntil <= now) return;
    // A moment for other routers to be heard as well: the strongest is registered with.
    const nextAt = now + this.#fraction() * REGISTRATION_DELAY_MS;
    this.#registrationByAddress.set(key, { address, validUntil, isRegistered: false, attempts: 0, nextAt });
  }

  #register(now: Instant, registration: Registration): void {
    const router = this.#router;
    if (router === undefined) return;
    if (registration.attempts === MAX_UNICAST_SOLICITATIONS) {
      this.handleUnreachable(now, router.address);
      return;
    }
    registration.attempts++;
    registration.nextAt = now + RETRANSMISSION_MS * 2 ** registration.attempts * (0.75 + this.#fraction() / 2);
    const { address: owner, wantsRouting } = this.#options;
    this.#output.send(now, registration.address, router.address, {
      type: "neighbor-solicitation",
      // RFC 8505 5.5: an extended registration names the address as target.
      target: wantsRouting === undefined ? router.address : registration.address,
      options: [
        { type: "source-link-address", address: owner },
        {
          type: "address-registration",
          status: 0,
          opaque: 0,
          wantsRouting: wantsRouting ?? false,
          transactionId: wantsRouting === undefined ? undefined : this.#transactionId,
          lifetimeMinutes: this.#lifetimeMinutes,
          owner,
        },
      ],
    });
  }

  get #lifetimeMinutes(): number {
    return this.#options.registrationLifetimeMinutes ?? 60;
  }

  /**
   * RFC 8505 5.5 names the address as target; in RFC 6775 the answer goes to it, but for a refusal to the link-local
   * address: then it is the one that waits for an answer.
   */
  #registrationMeant(destination: Ipv6Address, target: Ipv6Address): Registration | undefined {
    const named =
      this.#registrationByAddress.get(addressKey(target)) ?? this.#registrationByAddress.get(addressKey(destination));
    if (named !== undefined) return named;
    for (const registration of this.#registrationByAddress.values()) if (registration.attempts > 0) return registration;
    return undefined;
  }

  #handleRegistered(now: Instant, registration: Registration, lifetimeMinutes: number): void {
    const lifetimeMs = Math.min(lifetimeMinutes, this.#lifetimeMinutes) * MS_PER_MINUTE;
    const isNews = !registration.isRegistered;
    this.#solicitations = 0;
    registration.isRegistered = true;
    registration.attempts = 0;
    registration.nextAt = now + lifetimeMs / 2;
    this.#transactionId = (this.#transactionId + 1) & 0xff;
    if (isNews && this.#router !== undefined) {
      this.#output.handleAddress(now, registration.address, this.#router.address);
    }
  }

  #lose(now: Instant, registration: Registration): void {
    this.#registrationByAddress.delete(addressKey(registration.address));
    if (registration.isRegistered) this.#output.handleAddressLost(now, registration.address);
  }

  #removeRouter(now: Instant, key: string): void {
    if (!this.#routerByAddress.delete(key)) return;
    if (this.#router !== undefined && addressKey(this.#router.address) !== key) return;
    this.#router = this.#strongestRouter();
    // Whoever is the router now has not heard of our addresses.
    for (const registration of this.#registrationByAddress.values()) {
      registration.attempts = 0;
      registration.nextAt = now;
    }
    // One in vain after the other, ever more rarely: perhaps there are too many of us.
    if (this.#router === undefined) this.#solicitAt = now + this.#fraction() * this.#solicitationIntervalMs;
    else this.#solicitAt = this.#router.refreshAt;
  }

  /** Once an address is registered with a router, it stays with it as long as it can be reached. */
  #isBetter(router: Router): boolean {
    for (const { isRegistered, attempts } of this.#registrationByAddress.values()) {
      if (isRegistered || attempts > 0) return false;
    }
    return this.#router !== undefined && router.rssDbm > this.#router.rssDbm;
  }

  #strongestRouter(): Router | undefined {
    let strongest: Router | undefined;
    for (const router of this.#routerByAddress.values()) {
      if (strongest === undefined || router.rssDbm > strongest.rssDbm) strongest = router;
    }
    return strongest;
  }

  #fraction(): number {
    return this.#random.nextUint32() / 0x1_0000_0000;
  }
}

const REGISTRATION_DELAY_MS = 1_000;

/** Bounds on what routers can make a host remember. */
const MAX_ROUTERS = 8;
const MAX_ADDRESSES = 4;
