import { byteAt } from "@isthmus/bytes";
import { Option } from "../codec/option-definitions.js";
import type { Options } from "../codec/options.js";
import { formatUriPath } from "../codec/uri.js";
import type { UriPath } from "./uri-path.js";

/** Longer paths are not remembered: an attacker's, mostly. */
const MAX_PATH_BYTES = 256;

interface Entry {
  readonly path: UriPath;
  /** Length and bytes of each Uri-Path option, one after the other. */
  readonly key: Uint8Array;
}

/**
 * Finds the {@link UriPath} of a request by the bytes of its options, without decoding paths seen before.
 *
 * Each path has one place, given by its hash, and takes it from the one that had it: bounded, with nothing to evict.
 */
export class UriPathTable {
  /** Grows at its first use: endpoints that only ask never find a path. */
  readonly #places: (Entry | undefined)[] = [];
  readonly #mask: number;

  /** @param places how many paths are remembered at most; a power of two. */
  constructor(places: number) {
    if (places < 1 || (places & (places - 1)) !== 0) throw new RangeError(`${places} places are not a power of two`);
    this.#mask = places - 1;
  }

  /** The path that the Uri-Path options of a request say. @throws Utf8Error when one is not UTF-8. */
  find(options: Options): UriPath {
    const first = firstPathOption(options);
    const end = endOfPath(options, first);
    const place = hashPath(options, first, end) & this.#mask;
    const entry = this.#places[place];
    if (entry !== undefined && isSamePath(entry.key, options, first, end)) return entry.path;
    this.#fill();
    const segments = Object.freeze(options.texts(Option.URI_PATH));
    const path: UriPath = { segments, text: formatUriPath(segments) };
    const key = pathKey(options, first, end);
    if (key.length <= MAX_PATH_BYTES) this.#places[place] = { path, key };
    return path;
  }

  /** An array without holes, which is the faster kind. */
  #fill(): void {
    while (this.#places.length <= this.#mask) this.#places.push(undefined);
  }
}

function firstPathOption(options: Options): number {
  let index = 0;
  while (index < options.count && options.numberAt(index) < Option.URI_PATH) index++;
  return index;
}

function endOfPath(options: Options, first: number): number {
  let index = first;
  while (index < options.count && options.numberAt(index) === Option.URI_PATH) index++;
  return index;
}

/** FNV-1a over lengths and bytes. */
function hashPath(options: Options, first: number, end: number): number {
  const source = options.source;
  let hash = 0x811c9dc5;
  for (let index = first; index < end; index++) {
    const start = options.startAt(index);
    const stop = options.endAt(index);
    hash = Math.imul(hash ^ (stop - start), 0x01000193);
    for (let i = start; i < stop; i++) hash = Math.imul(hash ^ byteAt(source, i), 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}

function isSamePath(key: Uint8Array, options: Options, first: number, end: number): boolean {
  const source = options.source;
  let at = 0;
  for (let index = first; index < end; index++) {
    const start = options.startAt(index);
    const stop = options.endAt(index);
    // Past the end of the key there is undefined, which equals no length and no byte.
    if (key[at++] !== stop - start) return false;
    for (let i = start; i < stop; i++) if (key[at++] !== source[i]) return false;
  }
  return at === key.length;
}

/** A Uri-Path value has at most 255 bytes, so its length fits one. */
function pathKey(options: Options, first: number, end: number): Uint8Array {
  const bytes: number[] = [];
  for (let index = first; index < end; index++) {
    const value = options.source.subarray(options.startAt(index), options.endAt(index));
    bytes.push(value.length, ...value);
  }
  return Uint8Array.from(bytes);
}
