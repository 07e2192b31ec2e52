import type { Attribute } from "../abe/attribute.js";
import { decapsulate, encapsulate } from "../abe/kem.js";
import type { PublicKey } from "../abe/public-key.js";
import type { AbeScheme } from "../abe/scheme.js";
import type { RandomBytes } from "../random.js";
import { type SuitePublisher, type SuiteReader, UnwrapError, type WrappedKey } from "./suite.js";

/** Wraps and unwraps with an attribute-based KEM, in bytes. */
export interface AbeWrapper<Access> {
  wrap(publisher: SuitePublisher, access: Access, context: Uint8Array, random: RandomBytes): WrappedKey;
  unwrap(reader: SuiteReader, wrap: Uint8Array, context: Uint8Array): Uint8Array;
}

/**
 * Binds a scheme to keys in bytes. Parsing a public key or a decryption key takes up to a tenth of a second (subgroup
 * checks); each array is parsed once, for as long as its owner keeps it.
 */
export function createAbeWrapper<Access, Key extends { readonly publicKeyId: Uint8Array }, T>(
  scheme: AbeScheme<Access, Key, T>,
): AbeWrapper<Access> {
  const publicKeys = new WeakMap<Uint8Array, PublicKey<T>>();
  const keys = new WeakMap<Uint8Array, Key>();
  const publicKeyOf = remembered(publicKeys, (bytes) => scheme.parsePublicKey(bytes));
  const keyOf = remembered(keys, (bytes) => scheme.parseKey(bytes));
  return {
    wrap({ parameters }, access, context, random) {
      const { key, bytes } = encapsulate(scheme, publicKeyOf(parameters), access, context, random);
      return { contentKey: key, wrap: bytes };
    },
    unwrap({ parameters, readerKey }, wrap, context) {
      const publicKey = publicKeyOf(parameters);
      const key = keyOf(readerKey);
      try {
        return decapsulate(scheme, publicKey, key, wrap, context);
      } catch {
        throw new UnwrapError();
      }
    },
  };
}

function remembered<V extends object>(
  cache: WeakMap<Uint8Array, V>,
  parse: (bytes: Uint8Array) => V,
): (bytes: Uint8Array) => V {
  return (bytes) => {
    const known = cache.get(bytes) ?? parse(bytes);
    cache.set(bytes, known);
    return known;
  };
}

/** Rotations are counted in an attribute: the keys of an older generation lack the new one. */
export function generationAttribute(generation: number): Attribute {
  return `@gen/${generation}`;
}

/** Generations that a key reaches back, its own included. */
const MAX_GENERATIONS = 32;

/**
 * The generations that a key issued in `generation` opens: its own, and unless it is to open forward only those before
 * it, whose retained messages are still about.
 */
export function generationAttributes(generation: number, isForwardOnly: boolean): Attribute[] {
  const first = isForwardOnly ? generation : Math.max(1, generation - MAX_GENERATIONS + 1);
  return Array.from({ length: generation - first + 1 }, (_, i) => generationAttribute(first + i));
}
