import { byteAt, decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import { viewBytes } from "./byte-slices.js";
import { optionDefinition } from "./option-definitions.js";

/** A value as the application has it: bytes, text, or an unsigned integer in its shortest form. */
export type OptionValue = Uint8Array | string | number;
/** One option to be sent. */
export type OptionEntry = readonly [number: number, value: OptionValue];

const NO_BYTES = new Uint8Array(0);
/** Numbers in {@link Options} for one option: its number, and where its value starts and ends. */
const STRIDE = 3;

/**
 * The options of one message, by ascending number; immutable.
 *
 * Values stay where they came in and are cut out when asked for, so that a request that only needs its path costs no
 * object per option.
 *
 * @example
 * const options = Options.of([Option.URI_PATH, "sensors"], [Option.ACCEPT, 50]);
 * options.uint(Option.ACCEPT); // 50
 */
export class Options implements Iterable<readonly [number: number, value: Uint8Array]> {
  static readonly NONE = new Options(NO_BYTES, []);

  /** How many options there are, repeated ones counted each. */
  readonly count: number;
  readonly #bytes: Uint8Array;
  readonly #slots: readonly number[];

  /**
   * For the codec: `slots` holds number, start and end of each option, ascending by number, within `bytes`.
   * Applications use {@link Options.of}.
   */
  constructor(bytes: Uint8Array, slots: readonly number[]) {
    this.#bytes = bytes;
    this.#slots = slots;
    this.count = slots.length / STRIDE;
  }

  /**
   * Options with these values, in any order; those of one number keep theirs.
   *
   * @throws RangeError for a number or unsigned integer out of range, Utf8Error for text with a lone surrogate.
   */
  static of(...entries: readonly OptionEntry[]): Options {
    return entries.length === 0 ? Options.NONE : build(entries.map(([number, value]) => [number, toBytes(value)]));
  }

  has(number: number): boolean {
    return this.#find(number) >= 0;
  }

  /** The first value of option `number` as a view, or undefined when it is absent. */
  bytes(number: number): Uint8Array | undefined {
    const slot = this.#find(number);
    return slot < 0 ? undefined : this.#view(slot);
  }

  /** The first value of option `number` as an unsigned integer; longer than 6 bytes counts as absent. */
  uint(number: number): number | undefined {
    const slot = this.#find(number);
    if (slot < 0) return undefined;
    const start = this.#at(slot + 1);
    const end = this.#at(slot + 2);
    if (end - start > 6) return undefined;
    let value = 0;
    for (let i = start; i < end; i++) value = value * 256 + byteAt(this.#bytes, i);
    return value;
  }

  /** The first value of option `number` as text. @throws Utf8Error when it is not UTF-8. */
  text(number: number): string | undefined {
    const slot = this.#find(number);
    return slot < 0 ? undefined : decodeUtf8(this.#bytes, this.#at(slot + 1), this.#at(slot + 2));
  }

  /** All values of option `number`, in order. */
  all(number: number): Uint8Array[] {
    const values: Uint8Array[] = [];
    for (let slot = 0; slot < this.#slots.length; slot += STRIDE) {
      if (this.#at(slot) === number) values.push(this.#view(slot));
    }
    return values;
  }

  /** All values of option `number` as text, in order. @throws Utf8Error when one is not UTF-8. */
  texts(number: number): string[] {
    return this.all(number).map((value) => decodeUtf8(value));
  }

  /** These options with the given values of option `number` in place of what there was. */
  with(number: number, ...values: readonly OptionValue[]): Options {
    const kept = [...this].filter(([other]) => other !== number);
    return build([...kept, ...values.map((value) => [number, toBytes(value)] as const)]);
  }

  /** These options without those of the given numbers. */
  without(...numbers: readonly number[]): Options {
    if (!numbers.some((number) => this.has(number))) return this;
    return build([...this].filter(([number]) => !numbers.includes(number)));
  }

  /** Those that `keep` says yes to. */
  filter(keep: (number: number, value: Uint8Array) => boolean): Options {
    return build([...this].filter(([number, value]) => keep(number, value)));
  }

  *[Symbol.iterator](): Generator<readonly [number: number, value: Uint8Array]> {
    for (let slot = 0; slot < this.#slots.length; slot += STRIDE) yield [this.#at(slot), this.#view(slot)];
  }

  /** For the codec: number of the option at `index` (below {@link count}). */
  numberAt(index: number): number {
    return this.#at(index * STRIDE);
  }

  /** For the codec: where the value of the option at `index` starts in {@link source}. */
  startAt(index: number): number {
    return this.#at(index * STRIDE + 1);
  }

  /** For the codec: where the value of the option at `index` ends in {@link source}. */
  endAt(index: number): number {
    return this.#at(index * STRIDE + 2);
  }

  /** For the codec: the bytes that the values are cut from. */
  get source(): Uint8Array {
    return this.#bytes;
  }

  #find(number: number): number {
    const slots = this.#slots;
    for (let slot = 0; slot < slots.length; slot += STRIDE) {
      const at = this.#at(slot);
      if (at >= number) return at === number ? slot : -1;
    }
    return -1;
  }

  #at(index: number): number {
    // Callers stay within the slots.
    return this.#slots[index] as number;
  }

  #view(slot: number): Uint8Array {
    return viewBytes(this.#bytes, this.#at(slot + 1), this.#at(slot + 2));
  }
}

/** The shortest big-endian form of `value`: none for 0 (RFC 7252 3.2). @throws RangeError beyond 32 bits. */
export function encodeUint(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new RangeError(`${value} is not an unsigned integer of 32 bits`);
  }
  const length = uintLength(value);
  const bytes = new Uint8Array(length);
  for (let i = length - 1, rest = value; i >= 0; i--, rest >>>= 8) bytes[i] = rest;
  return bytes;
}

/** Bytes of the shortest form of `value`, which has at most 32 bits. */
export function uintLength(value: number): number {
  return value === 0 ? 0 : 4 - (Math.clz32(value) >>> 3);
}

/** Whether the registry lets option `number` have a value of `length` bytes; of one not registered it says nothing. */
export function isLengthAllowed(number: number, length: number): boolean {
  const definition = optionDefinition(number);
  return definition === undefined || (length >= definition.minLength && length <= definition.maxLength);
}

function toBytes(value: OptionValue): Uint8Array {
  if (typeof value === "number") return encodeUint(value);
  return typeof value === "string" ? encodeUtf8(value) : value;
}

function build(entries: readonly (readonly [number: number, value: Uint8Array])[]): Options {
  // Array sort is stable: repeated options keep their order.
  const sorted = entries.toSorted((a, b) => a[0] - b[0]);
  let length = 0;
  for (const [number, value] of sorted) {
    if (!Number.isInteger(number) || number < 0 || number > 0xffff)
      throw new RangeError(`${number} is not an option number`);
    length += value.length;
  }
  const bytes = new Uint8Array(length);
  const slots: number[] = [];
  let offset = 0;
  for (const [number, value] of sorted) {
    bytes.set(value, offset);
    slots.push(number, offset, offset + value.length);
    offset += value.length;
  }
  return new Options(bytes, slots);
}
