import { equalBytes } from "@isthmus/bytes";
import { type Instant, type Machine, NEVER, type RandomSource } from "@isthmus/machine";
import {
  addressKey,
  addressOfKey,
  type Ipv6Address,
  isUnspecified,
  linkLocalAddress,
  parseAddress,
} from "../wire/ip/address.js";
import type { Icmpv6Message } from "../wire/ip/icmpv6.js";
import type { DuplicateAddressMessage, NeighborSolicitation } from "../wire/ip/nd-message.js";
import { type AddressRegistrationOption, type NdOption, REGISTRATION_STATUS } from "../wire/ip/nd-option.js";
import type { LinkAddress } from "../wire/mac/link-address.js";
import { type Expiring, ExpiringMap } from "./expiring-map.js";
import type { NetworkInformation } from "./network-information.js";

const MS_PER_MINUTE = 60_000;
const RETRANSMISSION_MS = 1_000;
const MAX_REQUESTS = 3;
/** MAX_RA_DELAY_TIME (RFC 4861 10). */
const MAX_ADVERTISEMENT_DELAY_MS = 500;
/** Registrations that wait for the border router's word at most. */
const MAX_PENDING = 32;

/** How a router serves hosts. */
export interface NdRouterOptions {
  readonly address: LinkAddress;
  readonly linkLocal: Ipv6Address;
  /** Seconds for which hosts may use this router without asking again. Default 1,800. */
  readonly routerLifetimeSeconds?: number;
  /** Addresses registered at most; the next one gets status 2. Default 256. */
  readonly maxRegistrations?: number;
  /** Whether this node is the one that knows of duplicates. */
  readonly isBorderRouter: boolean;
}

/** What a router lets its node do. */
export interface NdRouterOutput {
  send(now: Instant, source: Ipv6Address, destination: Ipv6Address, message: Icmpv6Message): void;
  /** The address at which the border router can answer; undefined before there is one. */
  globalAddress(): Ipv6Address | undefined;
  handleRegistered(now: Instant, address: Ipv6Address, link: LinkAddress): void;
  handleUnregistered(now: Instant, address: Ipv6Address): void;
}

/** An address that a host has registered. */
export interface RegisteredAddress extends Expiring {
  readonly owner: Uint8Array;
  readonly link: LinkAddress;
  readonly transactionId: number | undefined;
}

/** A registration that waits for the border router. */
interface Pending extends Expiring {
  readonly source: Ipv6Address;
  readonly target: Ipv6Address;
  readonly address: Ipv6Address;
  readonly link: LinkAddress;
  readonly option: AddressRegistrationOption;
  readonly requests: number;
}

/** Who has an address, as far as the border router knows. */
interface Ownership extends Expiring {
  readonly owner: Uint8Array;
}

/** The router side of neighbour discovery for 6LoWPAN (RFC 6775 6 to 8, RFC 8505 5): advertises, registers, asks. */
export class NdRouter implements Machine {
  readonly #options: NdRouterOptions;
  readonly #output: NdRouterOutput;
  readonly #information: NetworkInformation;
  readonly #registered: ExpiringMap<RegisteredAddress>;
  readonly #pending = new ExpiringMap<Pending>(MAX_PENDING);
  /** Whom to answer, and when. */
  readonly #dueAdvertisements = new ExpiringMap<Expiring>(MAX_PENDING);
  readonly #random: RandomSource;
  /** Of the border router only. */
  readonly #owners: ExpiringMap<Ownership>;

  constructor(options: NdRouterOptions, information: NetworkInformation, output: NdRouterOutput, random: RandomSource) {
    this.#random = random;
    this.#options = options;
    this.#output = output;
    this.#information = information;
    this.#registered = new ExpiringMap(options.maxRegistrations ?? 256);
    this.#owners = new ExpiringMap(MAX_OWNERS);
  }

  /** The host that registered this address with us. */
  registered(address: Ipv6Address): RegisteredAddress | undefined {
    return this.#registered.get(addressKey(address));
  }

  /** All addresses registered with us. */
  registrations(): (RegisteredAddress & { readonly address: Ipv6Address })[] {
    return Array.from(this.#registered.entries(), ([key, registered]) => ({
      ...registered,
      address: addressOfKey(key),
    }));
  }

  /** Keeps others from registering an address of this node's own. */
  claimOwn(address: Ipv6Address): void {
    this.#owners.set(addressKey(address), { owner: this.#options.address, expiresAt: NEVER });
  }

  /**
   * Answers a router solicitation: to the host alone, or to all if it has no address (RFC 6775 6.3), after a moment,
   * so that the routers that heard it do not all answer at once (RFC 4861 6.2.6).
   */
  handleSolicitation(now: Instant, source: Ipv6Address): void {
    const destination = isUnspecified(source) ? ALL_NODES : source;
    const delay = (this.#random.nextUint32() / 0x1_0000_0000) * MAX_ADVERTISEMENT_DELAY_MS;
    const key = addressKey(destination);
    if (this.#dueAdvertisements.get(key) === undefined) this.#dueAdvertisements.set(key, { expiresAt: now + delay });
  }

  /** Sends what a joining node needs: prefixes, contexts, border router, our link address (RFC 6775 6.3, 8.1.2). */
  advertise(now: Instant, destination: Ipv6Address): void {
    const information = this.#information.optionsFor(now);
    // Who has not joined cannot take others along.
    if (information.length === 0) return;
    const isPrefix = ({ type }: NdOption): boolean => type === "prefix-information";
    this.#output.send(now, this.#options.linkLocal, destination, {
      type: "router-advertisement",
      hopLimit: 64,
      isManaged: false,
      hasOtherConfiguration: false,
      routerLifetimeSeconds: this.#options.routerLifetimeSeconds ?? 1_800,
      reachableTimeMs: 0,
      retransmissionTimeMs: 0,
      options: [
        ...information.filter((option) => isPrefix(option)),
        { type: "source-link-address", address: this.#options.address },
        ...information.filter((option) => !isPrefix(option)),
      ],
    });
  }

  /** Takes a neighbour solicitation that asks to register an address, from a neighbour with this link address. */
  handleRegistration(
    now: Instant,
    source: Ipv6Address,
    message: NeighborSolicitation,
    option: AddressRegistrationOption,
    link: LinkAddress,
  ): void {
    // RFC 8505 5.5: an extended registration names the address as target; RFC 6775 takes the source.
    const address = option.transactionId === undefined ? source : message.target;
    const request: Pending = { source, target: message.target, address, link, option, requests: 0, expiresAt: now };
    const known = this.#registered.get(addressKey(address));
    if (known !== undefined && !equalBytes(known.owner, option.owner)) {
      this.#answer(now, request, REGISTRATION_STATUS.duplicateAddress);
    } else if (option.lifetimeMinutes === 0) {
      this.#unregister(now, request);
    } else if (this.#options.isBorderRouter) {
      this.#finish(now, request, this.#claim(now, address, option.owner, option.lifetimeMinutes));
    } else if (known !== undefined || isDerivedFrom(address, option.owner)) {
      this.#finish(now, request, REGISTRATION_STATUS.success);
    } else if (this.#pending.get(addressKey(address)) === undefined) {
      this.#ask(now, request);
    }
  }

  /** Answers, as the border router, whether an address is taken (RFC 6775 8.2.4). */
  handleDuplicateAddressRequest(
    now: Instant,
    source: Ipv6Address,
    destination: Ipv6Address,
    message: DuplicateAddressMessage,
  ): void {
    const { registeredAddress, owner, lifetimeMinutes } = message;
    const status = this.#claim(now, registeredAddress, owner, lifetimeMinutes);
    this.#output.send(now, destination, source, { ...message, type: "duplicate-address-confirmation", status });
  }

  /** Takes the border router's answer (RFC 6775 8.2.5). */
  handleDuplicateAddressConfirmation(now: Instant, message: DuplicateAddressMessage): void {
    const key = addressKey(message.registeredAddress);
    const pending = this.#pending.get(key);
    if (pending === undefined || !equalBytes(pending.option.owner, message.owner)) return;
    this.#pending.delete(key);
    this.#finish(now, pending, message.status);
  }

  /** Forgets a host that cannot be reached. */
  forget(now: Instant, address: Ipv6Address): void {
    if (this.#registered.delete(addressKey(address))) this.#output.handleUnregistered(now, address);
  }

  nextDeadline(): Instant {
    return Math.min(
      this.#dueAdvertisements.nextDeadline(),
      this.#registered.nextDeadline(),
      this.#pending.nextDeadline(),
      this.#owners.nextDeadline(),
    );
  }

  handleTimeout(now: Instant): void {
    for (const [key] of this.#dueAdvertisements.takeExpired(now)) this.advertise(now, addressOfKey(key));
    for (const [key] of this.#registered.takeExpired(now)) this.#output.handleUnregistered(now, addressOfKey(key));
    for (const [, pending] of this.#pending.takeExpired(now)) {
      // Unanswered for good: the host asks again, or looks for another router.
      if (pending.requests < MAX_REQUESTS) this.#ask(now, pending);
    }
    this.#owners.takeExpired(now);
  }

  /** Asks the border router whether the address is free. Without a way to it, the host is taken at its word. */
  #ask(now: Instant, request: Pending): void {
    const { borderRouter } = this.#information;
    const ownAddress = this.#output.globalAddress();
    if (borderRouter === undefined || ownAddress === undefined) {
      this.#finish(now, request, REGISTRATION_STATUS.success);
      return;
    }
    const { owner, transactionId, lifetimeMinutes } = request.option;
    const pending = {
      ...request,
      requests: request.requests + 1,
      expiresAt: now + RETRANSMISSION_MS * (request.requests + 1),
    };
    if (!this.#pending.set(addressKey(request.address), pending)) return;
    this.#output.send(now, ownAddress, borderRouter, {
      type: "duplicate-address-request",
      code: transactionId === undefined ? 0 : owner.length / 8,
      status: 0,
      transactionId: transactionId ?? 0,
      lifetimeMinutes,
      owner,
      registeredAddress: request.address,
    });
  }

  #finish(now: Instant, request: Pending, status: number): void {
    const { address, link, option } = request;
    if (status === REGISTRATION_STATUS.success) {
      const isNew = this.#registered.get(addressKey(address)) === undefined;
      const isStored = this.#registered.set(addressKey(address), {
        owner: option.owner,
        link,
        transactionId: option.transactionId,
        expiresAt: now + option.lifetimeMinutes * MS_PER_MINUTE,
      });
      if (!isStored) {
        this.#answer(now, request, REGISTRATION_STATUS.neighborCacheFull);
        return;
      }
      if (isNew) this.#output.handleRegistered(now, address, link);
    }
    this.#answer(now, request, status);
  }

  #unregister(now: Instant, request: Pending): void {
    // First the answer: afterwards there is no way to the address any more.
    this.#answer(now, request, REGISTRATION_STATUS.success);
    this.#owners.delete(addressKey(request.address));
    this.forget(now, request.address);
  }

  /** The neighbour advertisement with the option as it came, and a status (RFC 6775 6.5.2). */
  #answer(now: Instant, request: Pending, status: number): void {
    const { source, target, option } = request;
    // A refused address may be another's: its would-be owner is told at the link-local one of its EUI-64.
    const isOwnAddress = status === REGISTRATION_STATUS.success || option.owner.length !== 8;
    this.#output.send(now, this.#options.linkLocal, isOwnAddress ? source : linkLocalAddress(option.owner), {
      type: "neighbor-advertisement",
      isRouter: true,
      isSolicited: true,
      isOverride: true,
      target,
      options: [
        { type: "target-link-address", address: this.#options.address },
        { ...option, status },
      ],
    });
  }

  /** Notes whose an address is, unless it is someone else's; the status to answer with. */
  #claim(now: Instant, address: Ipv6Address, owner: Uint8Array, lifetimeMinutes: number): number {
    const key = addressKey(address);
    const known = this.#owners.get(key);
    if (known !== undefined && !equalBytes(known.owner, owner)) return REGISTRATION_STATUS.duplicateAddress;
    if (lifetimeMinutes === 0) {
      this.#owners.delete(key);
      return REGISTRATION_STATUS.success;
    }
    const isStored = this.#owners.set(key, { owner, expiresAt: now + lifetimeMinutes * MS_PER_MINUTE });
    return isStored ? REGISTRATION_STATUS.success : REGISTRATION_STATUS.neighborCacheFull;
  }
}

/** RFC 6775 8.2: an address made of an EUI-64 is taken for unique, as EUI-64s are. */
function isDerivedFrom(address: Ipv6Address, owner: Uint8Array): boolean {
  return owner.length === 8 && equalBytes(address.subarray(8), linkLocalAddress(owner).subarray(8));
}

const ALL_NODES = parseAddress("ff02::1");
/** Addresses in the whole 6LoWPAN that a border router keeps track of. */
const MAX_OWNERS = 4_096;
