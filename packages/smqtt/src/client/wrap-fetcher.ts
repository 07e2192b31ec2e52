import { toHex } from "@isthmus/bytes";
import { OpenError, type OpenFailure } from "../envelope/open-error.js";
import type { Opener } from "../envelope/opener.js";
import { wrapTopic } from "../envelope/key-id.js";
import type { WrapStore } from "./wrap-store.js";

/** Failures remembered, so that a stream of messages that are not for us costs one fetch and not one each. */
const MAX_REFUSED_KEYS = 1024;
const REFUSED_SECONDS = 60;

/** Gets the wraps of keys that are not known yet, from where publishers retain them. */
export class WrapFetcher {
  readonly #store: WrapStore;
  readonly #opener: Opener;
  readonly #now: () => number;
  readonly #fetchByKey = new Map<string, Promise<OpenFailure | undefined>>();
  readonly #refusedByKey = new Map<string, { readonly failure: OpenFailure; readonly until: number }>();

  constructor(store: WrapStore, opener: Opener, now: () => number) {
    this.#store = store;
    this.#opener = opener;
    this.#now = now;
  }

  /** Makes the opener know the key. @returns why it could not, or undefined when it does. */
  async fetch(keyId: Uint8Array, inlineWrap: Uint8Array | undefined): Promise<OpenFailure | undefined> {
    const name = toHex(keyId);
    const refused = this.#refusedByKey.get(name);
    if (refused !== undefined && refused.until > this.#now()) return refused.failure;
    const fetching = this.#fetchByKey.get(name) ?? this.#fetchOnce(name, keyId, inlineWrap);
    this.#fetchByKey.set(name, fetching);
    return fetching;
  }

  async #fetchOnce(
    name: string,
    keyId: Uint8Array,
    inlineWrap: Uint8Array | undefined,
  ): Promise<OpenFailure | undefined> {
    try {
      const wrap = inlineWrap ?? (await this.#store.get(wrapTopic(keyId)));
      if (wrap === undefined) return this.#refuse(name, "unknown-key");
      await this.#opener.addWrap(wrap, this.#now());
      // A wrap of another key under this topic: somebody else's mischief.
      return this.#opener.hasKey(keyId) ? undefined : this.#refuse(name, "unauthentic");
    } catch (cause) {
      if (!(cause instanceof OpenError)) throw cause;
      return this.#refuse(name, cause.failure);
    } finally {
      this.#fetchByKey.delete(name);
    }
  }

  #refuse(name: string, failure: OpenFailure): OpenFailure {
    if (this.#refusedByKey.size >= MAX_REFUSED_KEYS) this.#refusedByKey.clear();
    this.#refusedByKey.set(name, { failure, until: this.#now() + REFUSED_SECONDS });
    return failure;
  }

  /** Forgets what was refused: keys have changed. */
  retry(): void {
    this.#refusedByKey.clear();
  }
}
