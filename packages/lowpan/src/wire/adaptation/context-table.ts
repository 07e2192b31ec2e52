import { equalBytes } from "@isthmus/bytes";
import { type Ipv6Address, maskAddress } from "../ip/address.js";

/** Contexts that a 4-bit identifier tells apart. */
export const CONTEXT_COUNT = 16;

/** A prefix that both sides know, so that addresses which begin with it need not carry it (RFC 6282 3.1.2). */
export interface Context {
  /** 0 to 15. */
  readonly id: number;
  /** 16 octets, zero behind `length`. */
  readonly prefix: Ipv6Address;
  /** Bits of the prefix, 0 to 128. */
  readonly length: number;
  /** Whether the sender may use it too; a context on its way in or out is only good for receiving (RFC 6775 7.2). */
  readonly isForCompression: boolean;
}

/** The contexts of one link, by identifier. */
export class ContextTable {
  readonly #contexts: (Context | undefined)[] = new Array(CONTEXT_COUNT).fill(undefined);
  #forCompression: readonly Context[] = [];

  /** The contexts that the sender may use, in order of their identifiers. */
  get forCompression(): readonly Context[] {
    return this.#forCompression;
  }

  get(id: number): Context | undefined {
    return this.#contexts[id];
  }

  /**
   * Puts a context in its place.
   *
   * @param context `isForCompression` is true when left out.
   * @throws RangeError when the identifier or the length is out of range.
   */
  set(context: Omit<Context, "isForCompression"> & Partial<Pick<Context, "isForCompression">>): void {
    const { id, length } = context;
    if (!Number.isInteger(id) || id < 0 || id >= CONTEXT_COUNT)
      throw new RangeError(`${id} is not a context identifier`);
    if (!Number.isInteger(length) || length < 0 || length > 128)
      throw new RangeError(`${length} is not a prefix length`);
    const prefix = maskAddress(context.prefix, length);
    this.#contexts[id] = { id, prefix, length, isForCompression: context.isForCompression ?? true };
    this.#list();
  }

  /** Forgets a context. */
  delete(id: number): void {
    this.#contexts[id] = undefined;
    this.#list();
  }

  /** Whether a context of this identifier holds just this prefix. */
  has(id: number, prefix: Ipv6Address, length: number): boolean {
    const context = this.get(id);
    return (
      context !== undefined && context.length === length && equalBytes(context.prefix, maskAddress(prefix, length))
    );
  }

  #list(): void {
    this.#forCompression = this.#contexts.filter((context) => context?.isForCompression === true) as Context[];
  }
}
