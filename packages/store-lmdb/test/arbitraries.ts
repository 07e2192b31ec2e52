import { type StoreKey, TABLES } from "@isthmus/exchange";
import fc from "fast-check";

export const tableNames = fc.constantFrom(...TABLES);

/** Texts as keys may have them: well-formed, without U+0000. */
const texts = fc
  .oneof(fc.string({ unit: "binary", maxLength: 30 }), fc.constantFrom("x".repeat(2000), `${"ü".repeat(1000)}y`))
  .map((text) => text.replaceAll("\0", "0"));
const numbers = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(0, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1));

export const keys: fc.Arbitrary<StoreKey> = fc.oneof(
  fc.tuple(texts),
  fc.tuple(numbers),
  fc.tuple(texts, numbers),
  fc.tuple(texts, texts),
);

/** Keys of one shape, as those of one table. */
export const pairsOfKeys: fc.Arbitrary<readonly [StoreKey, StoreKey]> = fc.oneof(
  fc.tuple(fc.tuple(texts), fc.tuple(texts)),
  fc.tuple(fc.tuple(numbers), fc.tuple(numbers)),
  fc.tuple(fc.tuple(texts, numbers), fc.tuple(texts, numbers)),
  fc.tuple(fc.tuple(texts, texts), fc.tuple(texts, texts)),
);
