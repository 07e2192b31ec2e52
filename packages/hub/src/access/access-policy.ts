import { ReasonCode } from "@isthmus/mqtt/codec";
import { ADMINISTRATORS, type Credentials, type Identity, type Refusal, type Verdict } from "./access.js";
import type { AccessOptions } from "./access-options.js";
import type { IdentitySource, ScramUsers } from "./identity-source.js";
import { type BoundRules, RuleSet } from "./rules/rule-set.js";

/** The access settings of one listener, ready for use. */
export class AccessPolicy {
  readonly isAnonymousAllowed: boolean;
  readonly #sources: readonly IdentitySource[];
  readonly #rules: RuleSet;
  readonly #ruleCount: number;
  readonly #isLocal: boolean;
  readonly #clientIds: "any" | "own";

  /**
   * @param sources those of the options, loaded
   * @throws AccessRuleError
   */
  constructor(
    { allowAnonymous, rules = [], groups = [], clientIds = "any" }: AccessOptions,
    sources: readonly IdentitySource[],
    isLocal: boolean,
  ) {
    this.isAnonymousAllowed = allowAnonymous ?? (sources.length === 0 && isLocal);
    this.#sources = sources;
    this.#rules = new RuleSet(rules, groups);
    this.#ruleCount = rules.length;
    this.#isLocal = isLocal;
    this.#clientIds = clientIds;
  }

  /** Who can connect: `2 users of /etc/isthmus/users may publish and subscribe as 5 rules allow`. */
  get summary(): string {
    const who = this.#sources.map(({ summary }) => summary);
    if (this.isAnonymousAllowed)
      who.push(this.#isLocal ? "anyone on this machine" : "anyone who reaches these addresses");
    if (who.length === 0) return "nobody may connect";
    const rules =
      this.#ruleCount === 0 ? "" : ` as ${this.#ruleCount} ${this.#ruleCount === 1 ? "rule allows" : "rules allow"}`;
    return `${who.join(" and ")} may publish and subscribe${rules}`;
  }

  /** Asks the sources in order; the first that knows something decides. */
  authenticate(credentials: Credentials): Verdict | Promise<Verdict> {
    for (const [index, source] of this.#sources.entries()) {
      const finding = source.identify(credentials);
      if (finding instanceof Promise) return this.#goOn(credentials, finding, index + 1);
      if (finding !== undefined) return finding;
    }
    return this.#withoutSource(credentials);
  }

  /** Whether a source knows already that the password is right. What {@link authenticate} makes of it is another matter. */
  remembers(credentials: Credentials): boolean {
    return this.#sources.some((source) => source.remembers?.(credentials) === true);
  }

  /** Why somebody who is known may not go by the client identifier that they have chosen. */
  checkClientId({ user }: Identity, { door, clientId = "" }: Credentials): Refusal | undefined {
    if (this.#clientIds === "any" || door !== "mqtt" || clientId === "") return undefined;
    if (user !== undefined && (clientId === user || clientId.startsWith(`${user}:`))) return undefined;
    return { reasonCode: ReasonCode.clientIdentifierNotValid, reason: "the client identifier is not the user's own" };
  }

  /** Who can log in by SCRAM-SHA-256. */
  get scramUsers(): ScramUsers | undefined {
    return this.#sources.find(({ scram }) => scram !== undefined)?.scram;
  }

  mayStay(identity: Identity): Refusal | undefined {
    const { user, source } = identity;
    if (user === undefined && source === undefined) return this.isAnonymousAllowed ? undefined : NOT_ANONYMOUS;
    const own = this.#sources.find(({ kind }) => kind === source);
    if (own?.mayStay(identity) === true) return undefined;
    return { reasonCode: ReasonCode.notAuthorized, reason: "the user is no longer allowed to connect" };
  }

  isAdministrator(identity: Identity): boolean {
    const isOpen = this.#isLocal && this.#sources.length === 0 && this.isAnonymousAllowed;
    return isOpen || this.#rules.groupsOf(identity).includes(ADMINISTRATORS);
  }

  bind(identity: Identity): BoundRules | undefined {
    return this.#rules.bind(identity);
  }

  async #goOn(
    credentials: Credentials,
    first: Promise<Identity | Refusal | undefined>,
    next: number,
  ): Promise<Verdict> {
    const finding = await first;
    if (finding !== undefined) return finding;
    for (const source of this.#sources.slice(next)) {
      const later = await source.identify(credentials);
      if (later !== undefined) return later;
    }
    return this.#withoutSource(credentials);
  }

  #withoutSource({ user, password, token }: Credentials): Verdict {
    const hasSaidWho = user !== undefined || password !== undefined || token !== undefined;
    // Where no users are known, a name says nothing, and does no harm.
    if (this.isAnonymousAllowed && (!hasSaidWho || this.#sources.length === 0)) return { user: undefined };
    return hasSaidWho ? WRONG_CREDENTIALS : NOT_ANONYMOUS;
  }
}

/** The same for a user who is not known and for a wrong password. */
export const WRONG_CREDENTIALS: Refusal = {
  reasonCode: ReasonCode.badUserNameOrPassword,
  reason: "wrong user name or password",
};

const NOT_ANONYMOUS: Refusal = {
  reasonCode: ReasonCode.notAuthorized,
  reason: "anonymous clients are not allowed",
};
