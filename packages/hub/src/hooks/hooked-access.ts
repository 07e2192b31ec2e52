import type { Topic } from "@isthmus/exchange";
import type { Access, AuthenticationExchange, Credentials, Identity, Refusal, Verdict } from "../access/access.js";
import { HUB_SOURCE, isOwnTopic } from "../access/access.js";
import type { HookRunner } from "./hook-runner.js";

/** Asks the hooks first, and the settings where they say nothing. */
export class HookedAccess implements Access {
  readonly #access: Access;
  readonly #runner: HookRunner;

  constructor(access: Access, runner: HookRunner) {
    this.#access = access;
    this.#runner = runner;
  }

  get summary(): string {
    const own = this.#access.summary;
    return this.#runner.hooks.authenticate === undefined ? own : `whom a hook lets in; else ${own}`;
  }

  get version(): number {
    return this.#access.version;
  }

  authenticate(credentials: Credentials): Verdict | Promise<Verdict> {
    const verdict = this.#runner.authenticate(credentials);
    if (verdict === undefined) return this.#access.authenticate(credentials);
    if (!(verdict instanceof Promise)) return withOrigin(verdict, credentials);
    return verdict.then((known) =>
      known === undefined ? this.#access.authenticate(credentials) : withOrigin(known, credentials),
    );
  }

  /** Hooks decide by what comes in one message. */
  beginExchange(method: string, credentials: Credentials): AuthenticationExchange | undefined {
    return this.#access.beginExchange(method, credentials);
  }

  mayPublish(identity: Identity, topic: Topic): boolean {
    // Not even a hook can write what is the hub's own.
    if (isOwnTopic(topic.name)) return false;
    const verdict = identity.source === HUB_SOURCE ? undefined : this.#runner.authorizePublish(identity, topic.name);
    return verdict ?? this.#access.mayPublish(identity, topic);
  }

  maySubscribe(identity: Identity, filter: string): boolean {
    const verdict = identity.source === HUB_SOURCE ? undefined : this.#runner.authorizeSubscribe(identity, filter);
    return verdict ?? this.#access.maySubscribe(identity, filter);
  }

  mayRead(identity: Identity, topic: string): boolean {
    return this.#access.mayRead(identity, topic);
  }

  mayStay(identity: Identity): Refusal | undefined {
    // Whom a hook has vouched for the settings know nothing of.
    return identity.source === HOOK ? undefined : this.#access.mayStay(identity);
  }

  isAdministrator(identity: Identity): boolean {
    return this.#access.isAdministrator(identity);
  }

  watch(handleChange: () => void): void {
    this.#access.watch(handleChange);
  }
}

/** See {@link Identity.source}. */
const HOOK = "hook";

function withOrigin(verdict: Verdict, { clientId, listener }: Credentials): Verdict {
  return "reasonCode" in verdict ? verdict : { clientId, listener, source: HOOK, ...verdict };
}
