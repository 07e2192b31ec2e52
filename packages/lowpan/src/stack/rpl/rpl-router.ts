import { equalBytes } from "@isthmus/bytes";
import { type Instant, type Machine, NEVER, type RandomSource, TimerTable } from "@isthmus/machine";
import type { Ipv6Address } from "../../wire/ip/address.js";
import { type DodagInformationObject, RPL_MODE, type RplMessage } from "../../wire/ip/rpl-message.js";
import type { DodagConfiguration, RplOption } from "../../wire/ip/rpl-option.js";
import type { LinkAddress } from "../../wire/mac/link-address.js";
import type { LinkMetrics } from "../link-metrics.js";
import { DownwardRoutes, type DownwardRoutesOutput } from "./downward-routes.js";
import { OBJECTIVE_FUNCTIONS, type ObjectiveFunction } from "./objective-function.js";
import { ParentSet } from "./parent-set.js";
import { dagRank, INFINITE_RANK, isLollipopNewer, LOLLIPOP_INIT, nextLollipop } from "./rank.js";
import { DEFAULT_CONFIGURATION, type RplOptions } from "./rpl-options.js";
import { TrickleTimer } from "./trickle.js";

/** What RPL lets its node do. */
export interface RplOutput extends Omit<DownwardRoutesOutput, "send"> {
  /** Sends a control message; `undefined` is all RPL nodes on the link. */
  sendRpl(now: Instant, destination: Ipv6Address | undefined, message: RplMessage): void;
  /** Options that the root's DIOs carry beside the configuration: prefixes. */
  dioOptions(now: Instant): readonly RplOption[];
  handleParent(now: Instant, parent: Ipv6Address | undefined): void;
}

/** The DODAG that we are in. */
interface Dodag {
  readonly instanceId: number;
  readonly dodagId: Ipv6Address;
  readonly version: number;
  readonly isGrounded: boolean;
  readonly preference: number;
  readonly configuration: DodagConfiguration;
  readonly objective: ObjectiveFunction;
  /** Passed on from the root as it came. */
  readonly otherOptions: readonly RplOption[];
}

const DEFAULT_INSTANCE = 30;
const FIRST_SOLICITATION_MS = 2_000;
const MAX_SOLICITATION_MS = 60_000;
/** How long a node that has lost all parents says so, and joins nobody: its children must have heard. */
const POISONING_MS = 10_000;

/** A router of RPL in storing mode (RFC 6550): finds its place under the root, and tells the way down to itself. */
export class RplRouter implements Machine {
  readonly downward: DownwardRoutes;
  readonly #output: RplOutput;
  readonly #random: RandomSource;
  readonly #options: RplOptions;
  readonly #parents: ParentSet;
  readonly #timers = new TimerTable<"solicit" | "poisoned">();
  #dodag: Dodag | undefined;
  #trickle: TrickleTimer | undefined;
  #rank = INFINITE_RANK;
  #lowestRank = INFINITE_RANK;
  #advertisedRank = INFINITE_RANK;
  #solicitationMs = FIRST_SOLICITATION_MS;
  #dtsn = LOLLIPOP_INIT;

  constructor(options: RplOptions, metrics: LinkMetrics, random: RandomSource, output: RplOutput) {
    this.#options = options;
    this.#random = random;
    this.#output = output;
    this.#parents = new ParentSet(options.maxParents ?? 16, (link) => metrics.etx(link));
    this.downward = new DownwardRoutes(
      random,
      {
        send: (now, destination, message) => output.sendRpl(now, destination, message),
        ownTargets: () => output.ownTargets(),
        isOwnAddress: (address) => output.isOwnAddress(address),
        handleTold: (now, target, child) => output.handleTold(now, target, child),
      },
      options.maxRoutes,
    );
  }

  get isRoot(): boolean {
    return this.#options.root !== undefined;
  }

  /** Our rank; {@link INFINITE_RANK} outside a DODAG. */
  get rank(): number {
    return this.#rank;
  }

  /** The link-local address of the preferred parent: the way up. */
  get parent(): Ipv6Address | undefined {
    return this.#parents.preferred?.address;
  }

  get instanceId(): number | undefined {
    return this.#dodag?.instanceId;
  }

  /** The integer part of a rank in this DODAG. */
  dagRank(rank: number): number {
    return dagRank(rank, this.#dodag?.configuration.minHopRankIncrease ?? DEFAULT_CONFIGURATION.minHopRankIncrease);
  }

  /** Begins: as the root with a DODAG of its own, otherwise by looking for one. */
  start(now: Instant): void {
    const { root } = this.#options;
    if (root === undefined) {
      this.#scheduleSolicitation(now);
      return;
    }
    const configuration = { ...DEFAULT_CONFIGURATION, ...root.configuration };
    const objective = OBJECTIVE_FUNCTIONS.get(configuration.objectiveCodePoint);
    if (objective === undefined) throw new RangeError(`no objective function ${configuration.objectiveCodePoint}`);
    this.#enter(now, {
      instanceId: root.instanceId ?? DEFAULT_INSTANCE,
      dodagId: root.dodagId,
      version: root.version ?? LOLLIPOP_INIT,
      isGrounded: true,
      preference: 0,
      configuration,
      objective,
      otherOptions: [],
    });
    // RFC 6550 17: ROOT_RANK is MinHopRankIncrease.
    this.#rank = configuration.minHopRankIncrease;
    this.#trickle?.reset(now);
  }

  /** Takes a control message of a neighbour. */
  handleMessage(now: Instant, from: Ipv6Address, link: LinkAddress, isMulticast: boolean, message: RplMessage): void {
    switch (message.type) {
      case "dis":
        this.#handleDis(now, from, isMulticast);
        return;
      case "dio":
        this.#handleDio(now, from, link, message);
        return;
      case "dao":
        if (this.#dodag !== undefined && message.instanceId === this.#dodag.instanceId) {
          this.downward.handleDao(now, from, message);
        }
        return;
      case "dao-ack":
        // A parent without room for our routes is none.
        if (this.downward.handleDaoAck(now, message)) this.handleUnreachable(now, from);
        return;
      case "other-rpl":
    }
  }

  /** Takes note that a neighbour is gone. */
  handleUnreachable(now: Instant, neighbor: Ipv6Address): void {
    this.#parents.delete(neighbor);
    this.downward.handleUnreachable(now, neighbor);
    this.#choose(now);
  }

  /** Takes note that the estimate of a link has changed. */
  handleLinkChange(now: Instant): void {
    if (this.#dodag !== undefined && !this.isRoot) this.#choose(now);
  }

  /** Takes note that a packet went the wrong way (RFC 6550 11.2.2.2): someone's rank is out of date. */
  handleInconsistency(now: Instant): void {
    this.#trickle?.reset(now);
  }

  nextDeadline(): Instant {
    return Math.min(this.#timers.nextDeadline(), this.#trickle?.nextDeadline() ?? NEVER, this.downward.nextDeadline());
  }

  handleTimeout(now: Instant): void {
    for (const timer of this.#timers.takeDue(now)) {
      if (timer === "solicit") this.#solicit(now);
      else this.#leave(now);
    }
    this.#trickle?.handleTimeout(now);
    if (this.#trickle?.takeDue() === true) this.#sendDio(now, undefined);
    this.downward.handleTimeout(now);
  }

  #handleDis(now: Instant, from: Ipv6Address, isMulticast: boolean): void {
    if (this.#dodag === undefined) return;
    // RFC 6550 8.3: to all by and by, to who asked us alone at once.
    if (isMulticast) this.#trickle?.reset(now);
    else this.#sendDio(now, from);
  }

  #handleDio(now: Instant, from: Ipv6Address, link: LinkAddress, dio: DodagInformationObject): void {
    if (this.isRoot) {
      if (this.#isOurs(dio)) this.#trickle?.handleConsistent();
      return;
    }
    if (dio.mode !== RPL_MODE.storing || this.#timers.deadline("poisoned") !== undefined) return;
    if (this.#dodag === undefined) {
      if (dio.rank !== INFINITE_RANK) this.#join(now, from, link, dio);
      return;
    }
    if (dio.instanceId !== this.#dodag.instanceId || !equalBytes(dio.dodagId, this.#dodag.dodagId)) return;
    if (dio.version === this.#dodag.version) {
      this.#handleNeighborDio(now, from, link, dio);
    } else if (isLollipopNewer(dio.version, this.#dodag.version)) {
      // The root has begun a new version: everyone finds a place in it anew (RFC 6550 8.2.2.1).
      this.#parents.clear();
      this.#lowestRank = INFINITE_RANK;
      if (dio.rank !== INFINITE_RANK) this.#join(now, from, link, dio);
    } else {
      this.#trickle?.reset(now);
    }
  }

  #isOurs(dio: DodagInformationObject): boolean {
    return (
      this.#dodag !== undefined && equalBytes(dio.dodagId, this.#dodag.dodagId) && dio.version === this.#dodag.version
    );
  }

  #join(now: Instant, from: Ipv6Address, link: LinkAddress, dio: DodagInformationObject): void {
    const configuration =
      dio.options.find((option) => option.type === "dodag-configuration") ?? this.#dodag?.configuration;
    const objective = OBJECTIVE_FUNCTIONS.get(configuration?.objectiveCodePoint ?? -1);
    if (configuration === undefined) {
      // Only who was asked tells the configuration in any case.
      this.#output.sendRpl(now, from, { type: "dis", options: [] });
      return;
    }
    // A DODAG whose ranks we cannot compute, or whose configuration is nonsense, is not joined.
    if (objective === undefined || configuration.minHopRankIncrease === 0) return;
    const { instanceId, dodagId, version, isGrounded, preference } = dio;
    const otherOptions = dio.options.filter((option) => option.type === "rpl-prefix-information");
    this.#enter(now, { instanceId, dodagId, version, isGrounded, preference, configuration, objective, otherOptions });
    this.#handleNeighborDio(now, from, link, dio);
  }

  #enter(now: Instant, dodag: Dodag): void {
    const { configuration, instanceId } = dodag;
    this.#dodag = dodag;
    this.#timers.cancel("solicit");
    this.#solicitationMs = FIRST_SOLICITATION_MS;
    this.downward.configure({ instanceId, ...configuration });
    this.#trickle = new TrickleTimer(this.#random, {
      minIntervalMs: 2 ** configuration.dioIntervalMin,
      doublings: configuration.dioIntervalDoublings,
      redundancy: configuration.dioRedundancyConstant,
    });
    this.#trickle.reset(now);
  }

  /** Takes a DIO of our version of our DODAG. */
  #handleNeighborDio(now: Instant, from: Ipv6Address, link: LinkAddress, dio: DodagInformationObject): void {
    const known = this.#parents.get(from);
    const isPreferred = known !== undefined && known === this.#parents.preferred;
    if (dio.rank === INFINITE_RANK || (dio.rank >= this.#rank && !isPreferred)) {
      // Who stands no higher than we do is no parent (RFC 6550 8.2.1); poison least of all.
      this.#parents.delete(from);
    } else {
      this.#parents.set({ address: from, link, rank: dio.rank, dtsn: dio.dtsn, heardAt: now });
    }
    const rankBefore = this.#rank;
    this.#choose(now);
    if (isPreferred && this.parent !== undefined && dio.dtsn !== known.dtsn && isLollipopNewer(dio.dtsn, known.dtsn)) {
      this.downward.tellAll(now);
    }
    if (known?.rank === dio.rank && this.#rank === rankBefore) this.#trickle?.handleConsistent();
  }

  #choose(now: Instant): void {
    const dodag = this.#dodag;
    if (dodag === undefined || this.isRoot || this.#timers.deadline("poisoned") !== undefined) return;
    const { minHopRankIncrease, maxRankIncrease } = dodag.configuration;
    // RFC 6550 8.2.2.4: a node may not sink too far below its best, or it would be its own descendant one day.
    const maxRank = maxRankIncrease === 0 ? INFINITE_RANK : Math.min(INFINITE_RANK, this.#lowestRank + maxRankIncrease);
    const isChanged = this.#parents.choose(dodag.objective, minHopRankIncrease, maxRank);
    this.#rank = this.#parents.rank(dodag.objective, minHopRankIncrease);
    if (this.parent === undefined) {
      this.#poison(now);
      return;
    }
    this.#lowestRank = Math.min(this.#lowestRank, this.#rank);
    if (isChanged) {
      this.downward.handleParent(now, this.parent);
      this.#output.handleParent(now, this.parent);
    }
    // What others count with is out of date.
    if (isChanged || Math.abs(this.#rank - this.#advertisedRank) >= minHopRankIncrease) this.#trickle?.reset(now);
  }

  /** Says that no way leads up through us, so that children look elsewhere (RFC 6550 8.2.2.5). */
  #poison(now: Instant): void {
    this.#rank = INFINITE_RANK;
    this.#parents.clear();
    this.#timers.set("poisoned", now + POISONING_MS);
    this.downward.handleParent(now, undefined);
    this.#output.handleParent(now, undefined);
    this.#sendDio(now, undefined);
  }

  /** Leaves the DODAG for good, and looks for one. */
  #leave(now: Instant): void {
    this.#sendDio(now, undefined);
    this.#dodag = undefined;
    this.#lowestRank = INFINITE_RANK;
    this.#trickle?.stop();
    this.#trickle = undefined;
    this.downward.routes.clear();
    this.#scheduleSolicitation(now);
  }

  #scheduleSolicitation(now: Instant): void {
    this.#timers.set("solicit", now + this.#solicitationMs * (this.#random.nextUint32() / 0x1_0000_0000));
  }

  #solicit(now: Instant): void {
    this.#output.sendRpl(now, undefined, { type: "dis", options: [] });
    this.#solicitationMs = Math.min(this.#solicitationMs * 2, MAX_SOLICITATION_MS);
    this.#timers.set("solicit", now + this.#solicitationMs);
  }

  #sendDio(now: Instant, destination: Ipv6Address | undefined): void {
    const dodag = this.#dodag;
    if (dodag === undefined) return;
    const { instanceId, version, isGrounded, preference, dodagId, configuration } = dodag;
    const otherOptions = this.isRoot ? this.#output.dioOptions(now) : dodag.otherOptions;
    this.#advertisedRank = this.#rank;
    this.#output.sendRpl(now, destination, {
      type: "dio",
      instanceId,
      version,
      rank: this.#rank,
      isGrounded,
      mode: RPL_MODE.storing,
      preference,
      dtsn: this.#dtsn,
      dodagId,
      options: [configuration, ...otherOptions],
    });
  }

  /** As the root: has everyone find a place anew (RFC 6550 3.3.2, global repair). */
  repairGlobally(now: Instant): void {
    const dodag = this.#dodag;
    if (dodag === undefined || !this.isRoot) throw new RangeError("only a root repairs its DODAG");
    this.#dodag = { ...dodag, version: nextLollipop(dodag.version) };
    this.#trickle?.reset(now);
  }
}
