import { isDeepStrictEqual } from "node:util";
import type { Topic } from "@isthmus/exchange";
import { ReasonCode } from "@isthmus/mqtt/codec";
import { SCRAM_SHA_256 } from "@isthmus/mqtt/scram";
import { hostOf } from "../listeners/peer.js";
import { ScramExchange } from "./scram-exchange.js";
import { delay, SignInDelay, type SignInDelayOptions, TRIED_TOO_OFTEN } from "./sign-in-delay.js";
import {
  type Access,
  type AuthenticationExchange,
  type Credentials,
  HUB_SOURCE,
  type Identity,
  isOwnTopic,
  type Refusal,
  type Verdict,
} from "./access.js";
import type { AccessOptions, ListenerAccess, SourceOptions } from "./access-options.js";
import { AccessPolicy } from "./access-policy.js";
import { AccessError, type IdentitySource } from "./identity-source.js";
import { AccessRuleError } from "./rules/access-rule.js";
import type { BoundRules } from "./rules/rule-set.js";

/** What was compiled for an identity, and under which version. */
interface Binding {
  readonly version: number;
  /** Undefined: there are no rules. */
  readonly rules: BoundRules | undefined;
}

/**
 * Who may connect and what they may do, by the operator's settings: identity sources and rules, for each listener.
 *
 * {@link load} reads them, first and again: all or nothing, so that settings that cannot be used leave the former ones
 * as they are.
 */
export class AccessControl implements Access {
  #version = 1;
  #policyByListener = new Map<string, AccessPolicy>();
  /** The names of the listeners that are open. */
  #open: readonly string[] = [];
  /** Those that are open, and those that were. */
  #listeners: ReadonlyMap<string, ListenerAccess> = new Map();
  /** What an unnamed listener, or the hub's own process, gets. */
  #policy = new AccessPolicy({ allowAnonymous: false }, [], true);
  #bindings = new WeakMap<Identity, Binding>();
  readonly #watchers: (() => void)[] = [];
  #signInDelayOptions: SignInDelayOptions | undefined;
  #signInDelay = new SignInDelay();

  get version(): number {
    return this.#version;
  }

  get summary(): string {
    const parts = this.#open.map((name) => [name, this.#policyOf(name).summary] as const);
    const summaries = new Set(parts.map(([, summary]) => summary));
    const [only = this.#policy.summary] = summaries;
    return summaries.size <= 1 ? only : parts.map(([name, summary]) => `${name}: ${summary}`).join(" | ");
  }

  /**
   * Reads settings, and the files that they name. Nothing has changed until what it returns is called.
   *
   * @returns what takes them over
   * @throws AccessError when something cannot be used
   */
  async load(options: AccessOptions, listeners: readonly ListenerAccess[]): Promise<() => void> {
    checkReachable(options, listeners);
    const sources = new Map<string, Promise<IdentitySource>>();
    const policyFor = async (own: AccessOptions | undefined, isLocal: boolean): Promise<AccessPolicy> => {
      const merged = { ...options, ...own };
      const loaded = await Promise.all(merged.sources?.map((each) => loadOnce(sources, each)) ?? []);
      return makePolicy(merged, loaded, isLocal);
    };
    const isAllLocal = listeners.every(({ isLocal }) => isLocal);
    const policy = await policyFor(undefined, isAllLocal);
    const policies = new Map<string, AccessPolicy>();
    for (const { name, access, isLocal } of listeners) policies.set(name, await policyFor(access, isLocal));
    // Who came in by a listener that is gone may stay: by its settings, and none that let in more.
    const known = new Map([...this.#listeners, ...listeners.map((listener) => [listener.name, listener] as const)]);
    for (const { name, access, isLocal } of known.values()) {
      if (!policies.has(name)) policies.set(name, await policyFor(access, isLocal).catch(() => CLOSED));
    }
    return () => {
      this.#open = listeners.map(({ name }) => name);
      this.#listeners = known;
      this.#policy = policy;
      this.#policyByListener = policies;
      this.#setSignInDelay(options.signInDelay);
      this.#version++;
      for (const handleChange of this.#watchers) handleChange();
    };
  }

  watch(handleChange: () => void): void {
    this.#watchers.push(handleChange);
  }

  authenticate(credentials: Credentials): Verdict | Promise<Verdict> {
    const { address, user = "", password, token, listener } = credentials;
    if (password === undefined && token === undefined) return this.#ask(credentials);
    const isRemembered = password && (() => this.#policyOf(listener).remembers(credentials));
    const waitMs = this.#signInDelay.take(hostOf(address), user, performance.now(), isRemembered);
    if (waitMs === undefined) return TRIED_TOO_OFTEN;
    return waitMs === 0 ? this.#ask(credentials) : delay(waitMs).then(() => this.#ask(credentials));
  }

  #ask(credentials: Credentials): Verdict | Promise<Verdict> {
    const verdict = this.#policyOf(credentials.listener).authenticate(credentials);
    return verdict instanceof Promise
      ? verdict.then((known) => this.#note(known, credentials))
      : this.#note(verdict, credentials);
  }

  #note(verdict: Verdict, credentials: Credentials): Verdict {
    const { address, user = "", password, token, clientId, listener } = credentials;
    const host = hostOf(address);
    if (!("reasonCode" in verdict)) {
      if (password !== undefined || token !== undefined) this.#signInDelay.noteSuccess(host, user);
      return this.#policyOf(listener).checkClientId(verdict, credentials) ?? { clientId, listener, ...verdict };
    }
    if (GUESSED_WRONG.has(verdict.reasonCode) && (password !== undefined || token !== undefined)) {
      this.#signInDelay.noteFailure(host, user, performance.now());
    }
    return verdict;
  }

  beginExchange(method: string, credentials: Credentials): AuthenticationExchange | undefined {
    const users = this.#policyOf(credentials.listener).scramUsers;
    if (method !== SCRAM_SHA_256 || users === undefined) return undefined;
    const check = (identity: Identity): Refusal | undefined =>
      this.#policyOf(credentials.listener).checkClientId(identity, credentials);
    return new ScramExchange({ users, check, signInDelay: this.#signInDelay }, credentials);
  }

  mayPublish(identity: Identity, topic: Topic): boolean {
    return !isOwnTopic(topic.name) && (this.#rulesOf(identity)?.mayWrite(topic) ?? true);
  }

  maySubscribe(identity: Identity, filter: string): boolean {
    return this.#rulesOf(identity)?.maySubscribe(filter) ?? true;
  }

  mayRead(identity: Identity, topic: string): boolean {
    return this.#rulesOf(identity)?.mayRead(topic) ?? true;
  }

  mayStay(identity: Identity): Refusal | undefined {
    return identity.source === HUB_SOURCE ? undefined : this.#policyOf(identity.listener).mayStay(identity);
  }

  isAdministrator(identity: Identity): boolean {
    return this.#policyOf(identity.listener).isAdministrator(identity);
  }

  /** What was counted up to now stays so, unless other limits are set. */
  #setSignInDelay(options: SignInDelayOptions | undefined): void {
    if (isDeepStrictEqual(options, this.#signInDelayOptions)) return;
    this.#signInDelayOptions = options;
    this.#signInDelay = new SignInDelay(options);
  }

  #policyOf(listener: string | undefined): AccessPolicy {
    return (listener === undefined ? undefined : this.#policyByListener.get(listener)) ?? this.#policy;
  }

  #rulesOf(identity: Identity): BoundRules | undefined {
    let binding = this.#bindings.get(identity);
    if (binding?.version !== this.#version) {
      binding = { version: this.#version, rules: this.#policyOf(identity.listener).bind(identity) };
      this.#bindings.set(identity, binding);
    }
    return binding.rules;
  }
}

/** For a listener that is gone with the settings that it had: who came in by it is let do nothing. */
const CLOSED = new AccessPolicy({ allowAnonymous: false, rules: [{ deny: "readwrite", topics: ["#"] }] }, [], false);

/** Refusals that tell who guesses that the guess was wrong; others say nothing about it. */
const GUESSED_WRONG: ReadonlySet<number> = new Set([ReasonCode.badUserNameOrPassword, ReasonCode.notAuthorized]);

/** Loopback and anonymous by default; any other address needs users, or the operator's word. */
function checkReachable(options: AccessOptions, listeners: readonly ListenerAccess[]): void {
  for (const { name, isLocal, access } of listeners) {
    const { allowAnonymous, sources = [] } = { ...options, ...access };
    if (isLocal || sources.length > 0 || allowAnonymous !== undefined) continue;
    throw new AccessError(`other machines can reach the listener ${name}, and no users are configured`, {
      hint: "add users (docs/access.md), listen on 127.0.0.1, or let anyone in with --allow-anonymous",
    });
  }
}

function makePolicy(options: AccessOptions, sources: readonly IdentitySource[], isLocal: boolean): AccessPolicy {
  try {
    return new AccessPolicy(options, sources, isLocal);
  } catch (cause) {
    if (cause instanceof AccessRuleError) throw new AccessError(cause.message, { cause });
    throw cause;
  }
}

/** Listeners with the same source share it, and what it remembers. */
function loadOnce(sources: Map<string, Promise<IdentitySource>>, options: SourceOptions): Promise<IdentitySource> {
  const key = JSON.stringify(options);
  const source = sources.get(key) ?? loadSource(options);
  sources.set(key, source);
  return source;
}

/** What a source needs is loaded with the first that is configured: cryptography alone takes three megabytes. */
async function loadSource(options: SourceOptions): Promise<IdentitySource> {
  switch (options.type) {
    case "passwords":
      return (await import("./sources/password-source.js")).PasswordSource.load(options);
    case "jwt":
      return (await import("./sources/jwt-source.js")).JwtSource.load(options);
    case "http":
      return new (await import("./sources/http-source.js")).HttpSource(options);
    case "certificate":
      return new (await import("./sources/certificate-source.js")).CertificateSource(options);
  }
}
