import { equalBytes } from "@isthmus/bytes";
import { type Instant, type Machine, NEVER } from "@isthmus/machine";
import type { ContextTable } from "../wire/adaptation/context-table.js";
import type { Ipv6Address } from "../wire/ip/address.js";
import type { BorderRouterOption, ContextOption, NdOption, PrefixInformationOption } from "../wire/ip/nd-option.js";
import type { BorderRouterOptions } from "./node-types.js";

const MS_PER_MINUTE = 60_000;
/** A day. */
const DEFAULT_LIFETIME_MINUTES = 1_440;
/** What a border router lifetime of zero stands for, in minutes (RFC 6775 4.3). */
const DEFAULT_BORDER_ROUTER_LIFETIME = 10_000;

/** What a border router tells the whole 6LoWPAN, and routers pass on (RFC 6775 8.1). */
interface Information {
  readonly borderRouter: BorderRouterOption;
  readonly prefixes: readonly PrefixInformationOption[];
  readonly contexts: readonly ContextOption[];
  readonly receivedAt: Instant;
}

/** A context's way out: first it is good for receiving only, then it is forgotten (RFC 6775 7.2). */
interface ContextLife {
  readonly context: ContextOption;
  readonly expiresAt: Instant;
  readonly forgottenAt: Instant;
}

/** The prefixes and contexts of the 6LoWPAN that a node is in, from its border router or as a border router. */
export class NetworkInformation implements Machine {
  readonly #contexts: ContextTable;
  readonly #lifeByContext = new Map<number, ContextLife>();
  #information: Information | undefined;
  #isOwn = false;

  constructor(contexts: ContextTable) {
    this.#contexts = contexts;
  }

  /** The border router's address, once one is known. */
  get borderRouter(): Ipv6Address | undefined {
    return this.#information?.borderRouter.address;
  }

  get prefixes(): readonly PrefixInformationOption[] {
    return this.#information?.prefixes ?? [];
  }

  /** Sets what this node tells as a border router with this address. It does not grow old. */
  setOwn(now: Instant, options: BorderRouterOptions, address: Ipv6Address): void {
    const { prefix, contexts: others = [], version = 1, lifetimeMinutes = DEFAULT_LIFETIME_MINUTES } = options;
    const contexts = [{ id: 0, prefix, length: 64 }, ...others];
    for (const context of contexts) this.#contexts.set(context);
    this.#isOwn = true;
    this.#information = {
      borderRouter: { type: "border-router", version, lifetimeMinutes, address },
      prefixes: [
        {
          type: "prefix-information",
          prefix,
          prefixLength: 64,
          isOnLink: false,
          isAutonomous: true,
          validLifetimeSeconds: lifetimeMinutes * 60,
          preferredLifetimeSeconds: lifetimeMinutes * 60,
        },
      ],
      contexts: contexts.map((context) => ({
        type: "context",
        contextId: context.id,
        prefix: context.prefix,
        prefixLength: context.length,
        isForCompression: true,
        lifetimeMinutes,
      })),
      receivedAt: now,
    };
  }

  /**
   * Takes what a router advertisement tells; true when that is news.
   *
   * Contexts count only together with a border router option, and an older version than the known one not at all.
   */
  accept(now: Instant, options: readonly NdOption[], routerLifetimeMs: number): boolean {
    const borderRouter = options.find((option) => option.type === "border-router");
    if (this.#isOwn) return false;
    const known = this.#information;
    if (borderRouter === undefined) return false;
    if (known !== undefined && !this.#isExpired(now)) {
      const isSame = equalBytes(known.borderRouter.address, borderRouter.address);
      // One border router at a time: another is listened to when this one's information has expired.
      if (!isSame || borderRouter.version < known.borderRouter.version) return false;
    }
    const prefixes = options.filter((option) => option.type === "prefix-information");
    const contexts = options.filter((option) => option.type === "context");
    this.#information = { borderRouter, prefixes, contexts, receivedAt: now };
    for (const context of contexts) this.#acceptContext(now, context, routerLifetimeMs);
    return known === undefined || borderRouter.version !== known.borderRouter.version;
  }

  /** The options by which a router passes the information on, lifetimes as they are now. */
  optionsFor(now: Instant): NdOption[] {
    const information = this.#information;
    if (information === undefined || (!this.#isOwn && this.#isExpired(now))) return [];
    const elapsedMs = this.#isOwn ? 0 : now - information.receivedAt;
    const minutes = Math.floor(elapsedMs / MS_PER_MINUTE);
    return [
      ...information.prefixes.map((prefix) => agedPrefix(prefix, Math.floor(elapsedMs / 1_000))),
      ...information.contexts.map((context) => ({
        ...context,
        lifetimeMinutes: Math.max(0, context.lifetimeMinutes - minutes),
      })),
      {
        ...information.borderRouter,
        lifetimeMinutes: Math.max(1, lifetimeMinutesOf(information.borderRouter) - minutes),
      },
    ];
  }

  nextDeadline(): Instant {
    let next = NEVER;
    for (const { context, expiresAt, forgottenAt } of this.#lifeByContext.values()) {
      next = Math.min(next, context.isForCompression ? expiresAt : forgottenAt);
    }
    return next;
  }

  handleTimeout(now: Instant): void {
    for (const [id, life] of this.#lifeByContext) {
      if (life.forgottenAt <= now) {
        this.#contexts.delete(id);
        this.#lifeByContext.delete(id);
      } else if (life.expiresAt <= now && life.context.isForCompression) {
        this.#setContext({ ...life, context: { ...life.context, isForCompression: false } });
      }
    }
  }

  #acceptContext(now: Instant, context: ContextOption, routerLifetimeMs: number): void {
    const expiresAt = now + context.lifetimeMinutes * MS_PER_MINUTE;
    const isForCompression = context.isForCompression && expiresAt > now;
    this.#setContext({
      context: { ...context, isForCompression },
      expiresAt,
      forgottenAt: expiresAt + 2 * routerLifetimeMs,
    });
  }

  #setContext(life: ContextLife): void {
    const { contextId: id, prefix, prefixLength: length, isForCompression } = life.context;
    this.#lifeByContext.set(id, life);
    this.#contexts.set({ id, prefix, length, isForCompression });
  }

  #isExpired(now: Instant): boolean {
    const information = this.#information;
    if (information === undefined) return true;
    return now - information.receivedAt > lifetimeMinutesOf(information.borderRouter) * MS_PER_MINUTE;
  }
}

function lifetimeMinutesOf(borderRouter: BorderRouterOption): number {
  return borderRouter.lifetimeMinutes === 0 ? DEFAULT_BORDER_ROUTER_LIFETIME : borderRouter.lifetimeMinutes;
}

const FOREVER = 0xffff_ffff;

function agedPrefix(prefix: PrefixInformationOption, seconds: number): PrefixInformationOption {
  const aged = (lifetime: number): number => (lifetime === FOREVER ? FOREVER : Math.max(0, lifetime - seconds));
  return {
    ...prefix,
    validLifetimeSeconds: aged(prefix.validLifetimeSeconds),
    preferredLifetimeSeconds: aged(prefix.preferredLifetimeSeconds),
  };
}
