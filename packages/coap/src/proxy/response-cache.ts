import { equalBytes } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import { Code, isSafeMethod, isSuccessCode } from "../codec/codes.js";
import { NO_BYTES } from "../codec/message.js";
import { isNoCacheKeyOption, Option } from "../codec/option-definitions.js";
import { Options } from "../codec/options.js";
import type { Response } from "../endpoint/incoming.js";

/** The bounds of a {@link ResponseCache}. */
export interface CacheLimits {
  /** Bytes of payloads and options that are kept. Default 16 MiB. */
  readonly maxBytes: number;
  /** Responses that are kept. Default 16,384. */
  readonly maxEntries: number;
}

/** What a request is for, as far as a cache cares (RFC 7252 5.6). */
export interface CacheQuestion {
  readonly uri: string;
  readonly code: number;
  readonly options: Options;
  readonly payload: Uint8Array;
}

/** What the cache has for a request. */
export type CacheAnswer =
  /** A response to send, its Max-Age what is left of it. */
  | { readonly type: "fresh"; readonly response: Response }
  /** Too old, but its server may say that it still holds: ask with this entity-tag. */
  | { readonly type: "stale"; readonly etag: Uint8Array }
  | { readonly type: "none" };

interface Entry {
  readonly key: string;
  readonly uri: string;
  response: Response;
  storedAt: Instant;
  maxAgeMs: number;
  readonly sizeBytes: number;
}

/** Max-Age of a response that does not say, in seconds (RFC 7252 5.10.5). */
const DEFAULT_MAX_AGE = 60;
/** What an entry costs beside its payload, about. */
const ENTRY_OVERHEAD_BYTES = 200;
const NONE: CacheAnswer = { type: "none" };

/**
 * Responses by what was asked for, for as long as they are fresh and then until their server says that they still hold
 * (RFC 7252 5.6). Sans-I/O; the entry unused for longest makes room.
 */
export class ResponseCache {
  readonly #limits: CacheLimits;
  /** In order of use. */
  readonly #entryByKey = new Map<string, Entry>();
  readonly #keysByUri = new Map<string, Set<string>>();
  #sizeBytes = 0;

  constructor(limits: Partial<CacheLimits> = {}) {
    this.#limits = { maxBytes: limits.maxBytes ?? 16 * 2 ** 20, maxEntries: limits.maxEntries ?? 16_384 };
  }

  get size(): number {
    return this.#entryByKey.size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What there is for `question`. One whose ETag option names the stored response gets 2.03 (RFC 7252 5.10.6.2). */
  find(now: Instant, question: CacheQuestion): CacheAnswer {
    const entry = this.#use(cacheKey(question));
    if (entry === undefined) return NONE;
    const etag = entry.response.options?.bytes(Option.ETAG);
    if (now < entry.storedAt + entry.maxAgeMs) return { type: "fresh", response: answerFrom(now, entry, question) };
    // RFC 7252 5.9.2, 5.9.3: errors cannot be validated.
    return etag !== undefined && isSuccessCode(entry.response.code) ? { type: "stale", etag } : NONE;
  }

  /**
   * Takes note of what the server answered.
   *
   * @returns the response to send on: that of the server, or the stored one when the server said that it still holds.
   */
  receive(now: Instant, question: CacheQuestion, response: Response): Response {
    if (!isSafeMethod(question.code)) {
      if (isSuccessCode(response.code)) this.expire(question.uri);
      return response;
    }
    const key = cacheKey(question);
    if (response.code === Code.VALID) return this.#revalidate(now, key, question, response);
    this.#remove(key);
    if (isWorthKeeping(response)) this.#store(now, key, question.uri, response);
    return response;
  }

  /** What is stored for `uri` is not fresh any more: it was changed (RFC 7252 5.9.1). */
  expire(uri: string): void {
    for (const key of this.#keysByUri.get(uri) ?? []) {
      const entry = this.#entryByKey.get(key);
      if (entry !== undefined) entry.maxAgeMs = 0;
    }
  }

  clear(): void {
    this.#entryByKey.clear();
    this.#keysByUri.clear();
    this.#sizeBytes = 0;
  }

  /** RFC 7252 5.9.1.3: 2.03 says that the stored response holds on, and with which options. */
  #revalidate(now: Instant, key: string, question: CacheQuestion, valid: Response): Response {
    const entry = this.#entryByKey.get(key);
    const etag = valid.options?.bytes(Option.ETAG);
    const stored = entry?.response.options?.bytes(Option.ETAG);
    // It may be about an entity-tag of the client's that is none of ours.
    if (entry === undefined || etag === undefined || stored === undefined || !equalBytes(etag, stored)) return valid;
    entry.storedAt = now;
    entry.maxAgeMs = maxAgeMsOf(valid);
    entry.response = { ...entry.response, options: mergeOptions(entry.response, valid) };
    return answerFrom(now, entry, question);
  }

  #store(now: Instant, key: string, uri: string, response: Response): void {
    const { payload = NO_BYTES, options = Options.NONE } = response;
    let sizeBytes = ENTRY_OVERHEAD_BYTES + key.length + payload.length;
    for (const [, value] of options) sizeBytes += value.length;
    if (sizeBytes > this.#limits.maxBytes) return;
    this.#entryByKey.set(key, { key, uri, response, storedAt: now, maxAgeMs: maxAgeMsOf(response), sizeBytes });
    const keys = this.#keysByUri.get(uri) ?? new Set();
    this.#keysByUri.set(uri, keys.add(key));
    this.#sizeBytes += sizeBytes;
    this.#makeRoom();
  }

  #makeRoom(): void {
    for (const key of this.#entryByKey.keys()) {
      if (this.#sizeBytes <= this.#limits.maxBytes && this.#entryByKey.size <= this.#limits.maxEntries) return;
      this.#remove(key);
    }
  }

  #use(key: string): Entry | undefined {
    const entry = this.#entryByKey.get(key);
    if (entry === undefined) return undefined;
    this.#entryByKey.delete(key);
    this.#entryByKey.set(key, entry);
    return entry;
  }

  #remove(key: string): void {
    const entry = this.#entryByKey.get(key);
    if (entry === undefined) return;
    this.#entryByKey.delete(key);
    this.#sizeBytes -= entry.sizeBytes;
    const keys = this.#keysByUri.get(entry.uri);
    keys?.delete(key);
    if (keys?.size === 0) this.#keysByUri.delete(entry.uri);
  }
}

/** What requests must have in common to share a response: all but what is about the way there (RFC 7252 5.6, 5.4.6). */
export function cacheKey({ uri, code, options, payload }: CacheQuestion): string {
  let key = `${code} ${uri}`;
  for (const [number, value] of options) {
    if (!isNoCacheKeyOption(number) && !OUTSIDE_KEY.has(number)) key += ` ${number}:${binary(value)}`;
  }
  // RFC 8132 2: the body of a FETCH is part of its cache key.
  return payload.length === 0 ? key : `${key} ${binary(payload)}`;
}

/** Options that say where to, or what the client has already; those of the endpoint; and what proxies count down. */
const OUTSIDE_KEY: ReadonlySet<number> = new Set([
  Option.URI_HOST,
  Option.URI_PORT,
  Option.URI_PATH,
  Option.URI_QUERY,
  Option.PROXY_URI,
  Option.PROXY_SCHEME,
  Option.ETAG,
  Option.OBSERVE,
  Option.BLOCK1,
  Option.BLOCK2,
  Option.ECHO,
  Option.REQUEST_TAG,
  Option.HOP_LIMIT,
]);

function binary(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 8_192)) + (bytes.length > 8_192 ? binary(bytes.subarray(8_192)) : "");
}

/** RFC 7252 5.9: 2.05 and all errors are cacheable; one that is not fresh is of use when it can be validated. */
function isWorthKeeping(response: Response): boolean {
  if (response.code === Code.CONTENT) return maxAgeMsOf(response) > 0 || response.options?.has(Option.ETAG) === true;
  return !isSuccessCode(response.code) && maxAgeMsOf(response) > 0;
}

function maxAgeMsOf({ options }: Response): number {
  return (options?.uint(Option.MAX_AGE) ?? DEFAULT_MAX_AGE) * 1_000;
}

/** The stored response, or 2.03 when the client has it. */
function answerFrom(now: Instant, entry: Entry, question: CacheQuestion): Response {
  const { response, storedAt, maxAgeMs } = entry;
  const options = response.options ?? Options.NONE;
  // RFC 7252 5.10.5: a cache says what is left of Max-Age.
  const maxAge = Math.max(0, Math.ceil((storedAt + maxAgeMs - now) / 1_000));
  const etag = options.bytes(Option.ETAG);
  const hasIt = etag !== undefined && question.options.all(Option.ETAG).some((known) => equalBytes(known, etag));
  if (hasIt) return { code: Code.VALID, options: Options.of([Option.ETAG, etag], [Option.MAX_AGE, maxAge]) };
  return { ...response, options: options.with(Option.MAX_AGE, maxAge) };
}

/** The options of 2.03 take the place of what was stored (RFC 7252 5.9.1.3). */
function mergeOptions(stored: Response, valid: Response): Options {
  const fresh = valid.options ?? Options.NONE;
  const kept = (stored.options ?? Options.NONE).filter((number) => number !== Option.MAX_AGE && !fresh.has(number));
  return Options.of(...kept, ...fresh);
}
