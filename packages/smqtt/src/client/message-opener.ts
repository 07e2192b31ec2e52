import { decodeUtf8, toHex } from "@isthmus/bytes";
import type { Membership } from "../authority/membership.js";
import { type CryptoBackend, nobleCrypto } from "../envelope/crypto-backend.js";
import { OpenError, type OpenFailure } from "../envelope/open-error.js";
import { type Opened, Opener, type OpenerOptions } from "../envelope/opener.js";
import type { SuiteRegistry } from "../suites/registry.js";
import { WrapFetcher } from "./wrap-fetcher.js";
import type { WrapStore } from "./wrap-store.js";

/** How a device opens. */
export interface OpeningOptions {
  /** Who this device is and what the authority gave it. */
  readonly membership: Membership;
  /** Messages may be of any of them. */
  readonly suites: SuiteRegistry;
  /** Default in plain TypeScript; `nodeCrypto` of `@isthmus/smqtt/node` is much faster. */
  readonly crypto?: CryptoBackend;
  /** Wall clock, Unix seconds. Default the system's. */
  readonly now?: () => number;
  readonly opening?: Pick<
    OpenerOptions,
    | "clockSkewSeconds"
    | "lateSeconds"
    | "maxKeys"
    | "replayWindow"
    | "maxWrapBytes"
    | "unwrapBurst"
    | "unwrapsPerSecond"
  >;
}

/** What was in a message. */
export interface OpenedMessage extends Opened {
  /** The payload as text. @throws Utf8Error. */
  text(): string;
}

/**
 * Opens messages, whatever carried them: MQTT, CoAP, HTTP.
 *
 * @example
 * const opener = new MessageOpener(wraps, { membership, suites });
 * const response = await fetch(`${hub}/topics/house/door`);
 * const { payload } = await opener.open("house/door", new Uint8Array(await response.arrayBuffer()), { isRetained: true });
 */
export class MessageOpener {
  readonly #opener: Opener;
  readonly #fetcher: WrapFetcher;
  readonly #now: () => number;

  constructor(store: WrapStore, { membership, suites, crypto = nobleCrypto, now, opening }: OpeningOptions) {
    this.#now = now ?? (() => Date.now() / 1000);
    this.#opener = new Opener({
      ...opening,
      suites,
      reader: (name) => membership.reader(name),
      authorityKey: membership.authorityKey,
      revoked: () => membership.revoked,
      crypto,
    });
    this.#fetcher = new WrapFetcher(store, this.#opener, this.#now);
  }

  /**
   * Opens a message, its key fetched and unwrapped when it has not been yet.
   *
   * @param isRetained whether it was the topic's last value, and not one that has just been published. Default false.
   * @throws OpenError.
   */
  async open(topic: string, bytes: Uint8Array, { isRetained = false } = {}): Promise<OpenedMessage> {
    try {
      return this.openNow(topic, bytes, isRetained);
    } catch (cause) {
      if (!(cause instanceof OpenError && cause.failure === "unknown-key")) throw cause;
    }
    const failure = await this.fetchKey(bytes);
    if (failure !== undefined) throw new OpenError(failure);
    return this.openNow(topic, bytes, isRetained);
  }

  /** Opens a message whose key is known. @throws OpenError, with `unknown-key` when {@link fetchKey} has to come first. */
  openNow(topic: string, bytes: Uint8Array, isRetained: boolean): OpenedMessage {
    const opened = this.#opener.open(topic, bytes, isRetained, this.#now());
    return { ...opened, text: () => decodeUtf8(opened.payload) };
  }

  /** The name of the key that a message needs. @throws OpenError for what is not sealed. */
  keyOf(bytes: Uint8Array): string {
    return toHex(this.#opener.inspect(bytes).keyId);
  }

  /** Makes the key of a message known. @returns why that cannot be; undefined when it is. */
  async fetchKey(bytes: Uint8Array): Promise<OpenFailure | undefined> {
    const { keyId, inlineWrap } = this.#opener.inspect(bytes);
    return this.#fetcher.fetch(keyId, inlineWrap);
  }

  /** Forgets which keys could not be had: this device's own keys have changed. */
  retry(): void {
    this.#fetcher.retry();
  }
}
