import { toHex } from "@isthmus/bytes";

/** A field of a header in words, and the octets that say it. */
export interface Field {
  /** Where its first octet stands, in what its layer was taken from, and where it ends. */
  readonly at: number;
  readonly end: number;
  readonly name: string;
  readonly value: string;
}

/** A header in words. */
export interface Layer {
  readonly name: string;
  readonly at: number;
  readonly end: number;
  readonly fields: readonly Field[];
}

/** Takes a header apart, field after field. */
export class LayerBuilder {
  readonly #name: string;
  readonly #start: number;
  readonly #fields: Field[] = [];
  #at: number;

  constructor(name: string, at: number) {
    this.#name = name;
    this.#start = at;
    this.#at = at;
  }

  /** Where the next field begins. */
  get at(): number {
    return this.#at;
  }

  /** The next `length` octets say `value`. */
  take(length: number, name: string, value: string): this {
    this.#fields.push({ at: this.#at, end: this.#at + length, name, value });
    this.#at += length;
    return this;
  }

  /** Some bits of the last octets that were taken, or will be, say something of their own. */
  note(at: number, end: number, name: string, value: string): this {
    this.#fields.push({ at, end, name, value });
    return this;
  }

  build(end = this.#at): Layer {
    return { name: this.#name, at: this.#start, end, fields: this.#fields };
  }
}

/** A number with its hexadecimal form, of so many octets. */
export function formatNumber(value: number, octets: number): string {
  return `${value} (0x${value.toString(16).padStart(2 * octets, "0")})`;
}

/** Octets as hexadecimal digits; of many, the first ones. */
export function formatOctets(bytes: Uint8Array, maxOctets = 32): string {
  if (bytes.length === 0) return "none";
  const shown = toHex(bytes.subarray(0, maxOctets));
  return bytes.length > maxOctets ? `${shown}… (${bytes.length} octets)` : shown;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
