import { isIPv4 } from "node:net";
import type { Address } from "../endpoint/endpoint.js";
import type { BatchCalls } from "./batch-calls.js";

const AF_INET = 2;
const AF_INET6 = 10;
/** Of `struct sockaddr_in`, 16 bytes, and `struct sockaddr_in6`, 28. */
const WORDS_OF_INET = 4;
const WORDS_OF_INET6 = 7;
/** Of the address and of its zone in a `sockaddr_in6`. */
const INET6_ADDRESS_BYTE = 8;
const INET6_SCOPE_WORD = 6;
/** Names that are remembered, by a hash that is their place: a power of two. */
const PLACES = 4_096;

/** An address as text, which endpoints use, and as the `struct sockaddr` of it, which the system uses. */
export class SocketName implements Address {
  readonly address: string;
  readonly port: number;
  readonly words: Int32Array;

  constructor(address: string, port: number, words: Int32Array) {
    this.address = address;
    this.port = port;
    this.words = words;
  }
}

/** Translates between the two forms of addresses, the text just as Node would write it. */
export class SocketNames {
  readonly #calls: BatchCalls;
  readonly #isIpv6: boolean;
  readonly #places: (SocketName | undefined)[] = Array.from({ length: PLACES }, () => undefined);

  /** @param isIpv6 whether the socket is an IPv6 one: it has no IPv4 names, but addresses mapped to IPv6. */
  constructor(calls: BatchCalls, isIpv6: boolean) {
    this.#calls = calls;
    this.#isIpv6 = isIpv6;
  }

  /** The name that begins at word `start` of `words`. */
  read(words: Int32Array, start: number): SocketName {
    const length = this.#isIpv6 ? WORDS_OF_INET6 : WORDS_OF_INET;
    let hash = 0;
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ (words[start + i] as number), 0x9e3779b1);
    const place = (hash >>> 16) & (PLACES - 1);
    const known = this.#places[place];
    if (known !== undefined && isSame(known.words, words, start)) return known;
    return (this.#places[place] = this.#name(words.slice(start, start + length)));
  }

  /** The name of what is known as text; undefined when this socket cannot send there. */
  parse({ address, port }: Address): SocketName | undefined {
    if (!(port > 0 && port <= 0xffff)) return undefined;
    const words = this.#isIpv6 ? this.#parseIpv6(address) : parseIpv4(address);
    if (words === undefined) return undefined;
    const view = new DataView(words.buffer);
    view.setUint16(0, this.#isIpv6 ? AF_INET6 : AF_INET, true);
    view.setUint16(2, port);
    return new SocketName(address, port, words);
  }

  #parseIpv6(address: string): Int32Array | undefined {
    const words = new Int32Array(WORDS_OF_INET6);
    const [text = "", zone] = address.split("%", 2);
    if (!this.#calls.parseIpv6(text, new Uint8Array(words.buffer, INET6_ADDRESS_BYTE))) return undefined;
    if (zone === undefined) return words;
    const scope = this.#calls.interfaceIndex(zone) || Number(zone);
    if (!(scope > 0)) return undefined;
    words[INET6_SCOPE_WORD] = scope;
    return words;
  }

  #name(words: Int32Array): SocketName {
    const bytes = new Uint8Array(words.buffer);
    const port = new DataView(words.buffer).getUint16(2);
    if (!this.#isIpv6) return new SocketName(bytes.subarray(4, 8).join("."), port, words);
    const text = this.#calls.formatIpv6(bytes.subarray(INET6_ADDRESS_BYTE));
    const scope = words[INET6_SCOPE_WORD] ?? 0;
    const isLinkLocal = bytes[8] === 0xfe && ((bytes[9] ?? 0) & 0xc0) === 0x80;
    const zone = scope !== 0 && isLinkLocal ? `%${this.#calls.interfaceName(scope) ?? scope}` : "";
    return new SocketName(text + zone, port, words);
  }
}

function parseIpv4(address: string): Int32Array | undefined {
  if (!isIPv4(address)) return undefined;
  const words = new Int32Array(WORDS_OF_INET);
  new Uint8Array(words.buffer).set(address.split(".").map(Number), 4);
  return words;
}

function isSame(known: Int32Array, words: Int32Array, start: number): boolean {
  for (let i = 0; i < known.length; i++) if (known[i] !== words[start + i]) return false;
  return true;
}
