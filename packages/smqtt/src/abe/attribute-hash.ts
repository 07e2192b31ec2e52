import { concatBytes, encodeUtf8 } from "@isthmus/bytes";
import type { FixedBase, PairingGroup } from "../pairing/pairing-group.js";
import { type Attribute, attributeBytes } from "./attribute.js";

/** Bases kept: a publisher's policies and a reader's keys reuse a few dozen attributes. */
const MAX_CACHED_ATTRIBUTES = 64;

/**
 * The random oracle H of a scheme, from attributes to G1, and multiplication of its values.
 *
 * An attribute is hashed as 01, its length (1) and its UTF-8; the constant "b" as 00 and the letter: no attribute
 * can be made to hash like the constant. The values are public, so keeping them tells nobody anything.
 */
export class AttributeHash<P> {
  /** H("b")^x. */
  readonly multiplyConstant: FixedBase<P>;
  readonly #group: PairingGroup<P, unknown, unknown>;
  readonly #domain: string;
  /** In order of last use. */
  readonly #baseByAttribute = new Map<Attribute, FixedBase<P>>();

  /** @param domain the scheme's own domain separation tag (RFC 9380 3.1). */
  constructor(group: PairingGroup<P, unknown, unknown>, domain: string) {
    this.#group = group;
    this.#domain = domain;
    this.multiplyConstant = group.fixedBaseG1(this.#hash(new Uint8Array([0]), encodeUtf8("b")), "large");
  }

  /** H(attribute)^scalar. */
  multiply(attribute: Attribute, scalar: bigint): P {
    const base = this.#baseByAttribute.get(attribute) ?? this.#makeBase(attribute);
    this.#baseByAttribute.delete(attribute);
    this.#baseByAttribute.set(attribute, base);
    return base(scalar);
  }

  #makeBase(attribute: Attribute): FixedBase<P> {
    if (this.#baseByAttribute.size >= MAX_CACHED_ATTRIBUTES) {
      for (const oldest of this.#baseByAttribute.keys()) {
        this.#baseByAttribute.delete(oldest);
        break;
      }
    }
    const bytes = attributeBytes(attribute);
    return this.#group.fixedBaseG1(this.#hash(new Uint8Array([1, bytes.length]), bytes), "small");
  }

  #hash(prefix: Uint8Array, bytes: Uint8Array): P {
    return this.#group.hashToG1(concatBytes([prefix, bytes]), this.#domain);
  }
}
