import { equalBytes } from "@isthmus/bytes";
import { type Instant, type Machine, NEVER } from "@isthmus/machine";
import type { ContextTable } from "../wire/adaptation/context-table.js";
import {
  addressOnPrefix,
  type Ipv6Address,
  isLinkLocal,
  isMulticast,
  isUnspecified,
  linkLocalAddress,
  parseAddress,
} from "../wire/ip/address.js";
import type { Icmpv6Message } from "../wire/ip/icmpv6.js";
import type { Ipv6Header } from "../wire/ip/ipv6.js";
import type { NdMessage, NeighborAdvertisement, NeighborSolicitation } from "../wire/ip/nd-message.js";
import type { NdOption } from "../wire/ip/nd-option.js";
import type { RplOption } from "../wire/ip/rpl-option.js";
import { equalLinkAddresses, type LinkAddress } from "../wire/mac/link-address.js";
import type { LinkMetrics } from "./link-metrics.js";
import { NdHost } from "./nd-host.js";
import { NdRouter } from "./nd-router.js";
import { NeighborCache } from "./neighbor-cache.js";
import { NetworkInformation } from "./network-information.js";
import type { BorderRouterOptions, LowpanNodeOptions, NodeEvent } from "./node-types.js";
import type { RoutingTables } from "./routing.js";
import type { OwnTarget } from "./rpl/downward-routes.js";
import { RplRouter } from "./rpl/rpl-router.js";

/** What the control plane lets its node do. */
export interface ControlOutput {
  send(now: Instant, source: Ipv6Address, destination: Ipv6Address, hopLimit: number, message: Icmpv6Message): void;
  emit(event: NodeEvent): void;
}

/** RFC 4861 6.1, 7.1: neighbour discovery never comes from further away than the link. */
const ON_LINK_HOP_LIMIT = 255;
/** RFC 6775 8.2.2: the question about duplicates may. */
const MULTIHOP_HOP_LIMIT = 64;

/** All that finds neighbours, addresses and ways: neighbour discovery and RPL, put together for the node's role. */
export class ControlPlane implements Machine {
  readonly linkLocal: Ipv6Address;
  readonly tables: RoutingTables;
  readonly #options: LowpanNodeOptions;
  readonly #output: ControlOutput;
  readonly #information: NetworkInformation;
  readonly #neighbors = new NeighborCache();
  readonly #host: NdHost | undefined;
  readonly #router: NdRouter | undefined;
  readonly #rpl: RplRouter | undefined;
  /** Global addresses that may be used. */
  #addresses: Ipv6Address[] = [];

  constructor(options: LowpanNodeOptions, contexts: ContextTable, metrics: LinkMetrics, output: ControlOutput) {
    this.#options = options;
    this.#output = output;
    this.linkLocal = linkLocalAddress(options.address);
    this.#information = new NetworkInformation(contexts);
    const { role, borderRouter } = options;
    if ((role === "border-router") !== (borderRouter !== undefined)) {
      throw new TypeError("a border router, and nobody else, needs the option borderRouter");
    }
    this.#host = role === "border-router" ? undefined : this.#makeHost();
    this.#router = role === "host" ? undefined : this.#makeRouter();
    this.#rpl = role === "host" || options.rpl === false ? undefined : this.#makeRpl(metrics);
    this.tables = {
      neighbors: this.#neighbors,
      host: this.#host,
      router: this.#router,
      rpl: this.#rpl,
      prefix: borderRouter?.prefix,
    };
  }

  get addresses(): readonly Ipv6Address[] {
    return this.#addresses;
  }

  get rpl(): RplRouter | undefined {
    return this.#rpl;
  }

  /** Whether packets to this unicast address are for this node. */
  isOwn(address: Ipv6Address): boolean {
    return this.#isUsable(address) || this.#host?.isAwaiting(address) === true;
  }

  /** Begins to look for the network, or to be it. */
  start(now: Instant): void {
    const { borderRouter } = this.#options;
    if (borderRouter === undefined) this.#host?.start(now);
    else this.#found(now, borderRouter);
  }

  /** Takes an ICMPv6 message; false when it is none of this plane's. @param link the neighbour that it came from. */
  handleMessage(now: Instant, header: Ipv6Header, message: Icmpv6Message, link: LinkAddress, rssDbm: number): boolean {
    switch (message.type) {
      case "router-solicitation":
      case "router-advertisement":
      case "neighbor-solicitation":
      case "neighbor-advertisement":
        if (header.hopLimit === ON_LINK_HOP_LIMIT) this.#handleNd(now, header, message, link, rssDbm);
        return true;
      case "duplicate-address-request":
        if (this.#options.role === "border-router") {
          this.#router?.handleDuplicateAddressRequest(now, header.source, header.destination, message);
        }
        return true;
      case "duplicate-address-confirmation":
        this.#router?.handleDuplicateAddressConfirmation(now, message);
        return true;
      case "dis":
      case "dio":
      case "dao":
      case "dao-ack":
      case "other-rpl":
        if (this.#rpl === undefined || !isLinkLocal(header.source)) return true;
        this.#neighbors.learn(header.source, link);
        this.#rpl.handleMessage(now, header.source, link, isMulticast(header.destination), message);
        return true;
      case "echo-request":
      case "echo-reply":
      case "destination-unreachable":
      case "packet-too-big":
      case "time-exceeded":
      case "parameter-problem":
      case "other":
        return false;
    }
  }

  /** Takes note of how a frame to a neighbour went. */
  handleFrameSent(now: Instant, link: LinkAddress, isAcknowledged: boolean): void {
    if (isAcknowledged) this.#neighbors.confirm(link);
    else this.#neighbors.handleFailure(now, link);
    this.#rpl?.handleLinkChange(now);
  }

  nextDeadline(): Instant {
    return Math.min(
      this.#information.nextDeadline(),
      this.#neighbors.nextDeadline(),
      this.#host?.nextDeadline() ?? NEVER,
      this.#router?.nextDeadline() ?? NEVER,
      this.#rpl?.nextDeadline() ?? NEVER,
    );
  }

  handleTimeout(now: Instant): void {
    this.#information.handleTimeout(now);
    this.#neighbors.handleTimeout(now);
    for (const event of this.#neighbors.takeEvents()) {
      if (event.type === "probe") this.#probe(now, event.address);
      else this.#handleUnreachable(now, event.address);
    }
    this.#host?.handleTimeout(now);
    this.#router?.handleTimeout(now);
    this.#rpl?.handleTimeout(now);
  }

  /** As a border router: there is nothing to wait for. */
  #found(now: Instant, borderRouter: BorderRouterOptions): void {
    const address = addressOnPrefix(borderRouter.prefix, this.#options.address);
    this.#information.setOwn(now, borderRouter, address);
    this.#router?.claimOwn(address);
    this.#addAddress(address);
    this.#rpl?.start(now);
  }

  #makeHost(): NdHost {
    const { address, registrationLifetimeMinutes, registersExtended, role, random } = this.#options;
    return new NdHost(
      {
        address,
        linkLocal: this.linkLocal,
        ...(registrationLifetimeMinutes === undefined ? {} : { registrationLifetimeMinutes }),
        wantsRouting: registersExtended === true ? role === "host" : undefined,
      },
      {
        send: (now, source, destination, message) => this.#sendOnLink(now, source, destination, message),
        handleAddress: (now, own) => this.#handleAddress(now, own),
        handleAddressLost: (_now, own) => this.#removeAddress(own),
      },
      random,
    );
  }

  #makeRouter(): NdRouter {
    const { address, role, maxRegistrations, random } = this.#options;
    return new NdRouter(
      {
        address,
        linkLocal: this.linkLocal,
        isBorderRouter: role === "border-router",
        ...(maxRegistrations === undefined ? {} : { maxRegistrations }),
      },
      this.#information,
      {
        send: (now, source, destination, message) => {
          const isMultihop = message.type.startsWith("duplicate-address");
          this.#output.send(now, source, destination, isMultihop ? MULTIHOP_HOP_LIMIT : ON_LINK_HOP_LIMIT, message);
        },
        globalAddress: () => this.#addresses[0],
        handleRegistered: (now, registered, link) => {
          this.#neighbors.learn(registered, link);
          this.#rpl?.downward.handleTargetChange(now, registered);
          this.#output.emit({ type: "registration", address: registered, isRegistered: true });
        },
        handleUnregistered: (now, registered) => {
          this.#rpl?.downward.handleTargetChange(now, registered);
          this.#output.emit({ type: "registration", address: registered, isRegistered: false });
        },
      },
      random,
    );
  }

  #makeRpl(metrics: LinkMetrics): RplRouter {
    const { rpl, rplRoot, borderRouter, address, random } = this.#options;
    const root =
      borderRouter === undefined
        ? {}
        : { root: { ...rplRoot, dodagId: addressOnPrefix(borderRouter.prefix, address) } };
    return new RplRouter({ ...(rpl === false ? {} : rpl), ...root }, metrics, random, {
      sendRpl: (now, destination, message) =>
        this.#output.send(now, this.linkLocal, destination ?? ALL_RPL_NODES, ON_LINK_HOP_LIMIT, message),
      ownTargets: () => this.#ownTargets(),
      isOwnAddress: (own) => this.#isUsable(own),
      handleTold: (now, target, child) => this.#handleTold(now, target, child),
      dioOptions: () => this.#information.prefixes.map((prefix) => rplPrefix(prefix)),
      handleParent: (_now, parent) => {
        if (parent !== undefined) this.#greet(parent);
        this.#output.emit({ type: "parent", parent });
      },
    });
  }

  #ownTargets(): OwnTarget[] {
    const registrations = this.#router?.registrations() ?? [];
    return [
      ...this.#addresses.map((address) => ({ address, pathSequence: undefined })),
      ...registrations.map(({ address, transactionId }) => ({ address, pathSequence: transactionId })),
    ];
  }

  /** A host of ours of which a child tells has moved there, unless it is the child itself. */
  #handleTold(now: Instant, target: Ipv6Address, child: Ipv6Address): void {
    const registered = this.#router?.registered(target);
    if (registered === undefined || equalLinkAddresses(registered.link, this.#neighbors.lookup(child))) return;
    this.#router?.forget(now, target);
  }

  /** A parent is a neighbour that must be found out about when it is gone. */
  #greet(parent: Ipv6Address): void {
    const link = this.#neighbors.lookup(parent);
    if (link !== undefined) this.#neighbors.learn(parent, link);
  }

  #handleAddress(now: Instant, address: Ipv6Address): void {
    this.#addAddress(address);
    if (this.#rpl === undefined) return;
    if (this.#rpl.instanceId === undefined) this.#rpl.start(now);
    this.#rpl.downward.handleTargetChange(now, address);
  }

  #addAddress(address: Ipv6Address): void {
    if (this.#addresses.some((own) => equalBytes(own, address))) return;
    this.#addresses.push(address);
    this.#output.emit({ type: "address", address, isUsable: true });
  }

  #removeAddress(address: Ipv6Address): void {
    this.#addresses = this.#addresses.filter((own) => !equalBytes(own, address));
    this.#output.emit({ type: "address", address, isUsable: false });
  }

  #handleNd(now: Instant, header: Ipv6Header, message: NdMessage, link: LinkAddress, rssDbm: number): void {
    const { source } = header;
    switch (message.type) {
      case "router-solicitation":
        if (this.#router === undefined || !this.#isServing()) return;
        this.#learn(source, message.options, link);
        this.#router.handleSolicitation(now, source);
        return;
      case "router-advertisement":
        // RFC 4861 6.1.2: only a link-local source can be told from others.
        if (this.#host === undefined || !isLinkLocal(source)) return;
        this.#learn(source, message.options, link);
        this.#information.accept(now, message.options, message.routerLifetimeSeconds * 1_000);
        this.#host.handleAdvertisement(now, source, message, rssDbm);
        return;
      case "neighbor-solicitation":
        this.#handleNeighborSolicitation(now, source, message, link);
        return;
      case "neighbor-advertisement":
        this.#handleNeighborAdvertisement(now, header, message, link);
        return;
      case "duplicate-address-request":
      case "duplicate-address-confirmation":
    }
  }

  /** A router takes others along once it has a place itself. */
  #isServing(): boolean {
    if (this.#options.role === "border-router") return true;
    const wayUp = this.#rpl === undefined ? this.#host?.defaultRouter : this.#rpl.parent;
    return this.#addresses.length > 0 && wayUp !== undefined;
  }

  #handleNeighborSolicitation(
    now: Instant,
    source: Ipv6Address,
    message: NeighborSolicitation,
    link: LinkAddress,
  ): void {
    const registration = message.options.find((option) => option.type === "address-registration");
    const linkAddress = linkAddressIn(message.options) ?? link;
    if (registration !== undefined && this.#router !== undefined && !isUnspecified(source)) {
      this.#router.handleRegistration(now, source, message, registration, linkAddress);
      return;
    }
    if (!this.#isUsable(message.target)) return;
    const isUnknown = isUnspecified(source);
    if (!isUnknown && isLinkLocal(source)) this.#neighbors.learn(source, linkAddress);
    // RFC 4861 7.2.4: who has no address yet is answered so that all hear.
    this.#sendOnLink(now, message.target, isUnknown ? ALL_NODES : source, {
      type: "neighbor-advertisement",
      isRouter: this.#router !== undefined,
      isSolicited: !isUnknown,
      isOverride: true,
      target: message.target,
      options: [{ type: "target-link-address", address: this.#options.address }],
    });
  }

  #handleNeighborAdvertisement(
    now: Instant,
    header: Ipv6Header,
    message: NeighborAdvertisement,
    link: LinkAddress,
  ): void {
    if (message.isSolicited) this.#neighbors.confirm(link);
    const registration = message.options.find((option) => option.type === "address-registration");
    if (registration !== undefined) {
      this.#host?.handleRegistrationAnswer(now, header.destination, message, registration);
    }
  }

  #learn(source: Ipv6Address, options: readonly NdOption[], link: LinkAddress): void {
    if (isLinkLocal(source)) this.#neighbors.learn(source, linkAddressIn(options) ?? link);
  }

  #probe(now: Instant, address: Ipv6Address): void {
    this.#sendOnLink(now, this.linkLocal, address, {
      type: "neighbor-solicitation",
      target: address,
      options: [{ type: "source-link-address", address: this.#options.address }],
    });
  }

  #handleUnreachable(now: Instant, address: Ipv6Address): void {
    this.#host?.handleUnreachable(now, address);
    this.#router?.forget(now, address);
    this.#rpl?.handleUnreachable(now, address);
  }

  #isUsable(address: Ipv6Address): boolean {
    return equalBytes(address, this.linkLocal) || this.#addresses.some((own) => equalBytes(own, address));
  }

  #sendOnLink(now: Instant, source: Ipv6Address, destination: Ipv6Address, message: Icmpv6Message): void {
    this.#output.send(now, source, destination, ON_LINK_HOP_LIMIT, message);
  }
}

const ALL_NODES = parseAddress("ff02::1");
const ALL_RPL_NODES = parseAddress("ff02::1a");

function linkAddressIn(options: readonly NdOption[]): LinkAddress | undefined {
  for (const option of options) if (option.type === "source-link-address") return option.address;
  return undefined;
}

/** The prefix as DIOs carry it, for nodes that take it from there. */
function rplPrefix(prefix: NdOption & { readonly type: "prefix-information" }): RplOption {
  return { ...prefix, type: "rpl-prefix-information", isRouterAddress: false };
}
