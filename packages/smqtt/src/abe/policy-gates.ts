import { type Attribute, parseGrantableAttribute } from "./attribute.js";
import { allOf, anyOf, attributePolicy, checkPolicy, type Policy, PolicyError, type PolicyLimits } from "./policy.js";

/**
 * At least `needed` of `policies`, as ANDs and ORs.
 *
 * Split in halves: `needed` of all is i of the left and the rest of the right, for some i. Each policy occurs about
 * log₂ n times for two of n; what grows beyond the limits is refused before it is built.
 *
 * @throws PolicyError beyond `limits`.
 */
export function threshold(needed: number, policies: readonly Policy[], limits: PolicyLimits): Policy {
  if (needed === policies.length) return allOf(policies);
  if (needed === 1) return anyOf(policies);
  const half = policies.length >> 1;
  const left = policies.slice(0, half);
  const right = policies.slice(half);
  const ways: Policy[] = [];
  for (let i = Math.max(0, needed - right.length); i <= Math.min(needed, left.length); i++) {
    const parts: Policy[] = [];
    if (i > 0) parts.push(threshold(i, left, limits));
    if (i < needed) parts.push(threshold(needed - i, right, limits));
    const way = allOf(parts);
    checkPolicy(way, limits);
    ways.push(way);
    checkPolicy(anyOf(ways), limits);
  }
  return anyOf(ways);
}

export type ComparisonOperator = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** Integers in comparisons have 8 bits: 0 to 255. */
const INTEGER_BITS = 8;
const MAX_INTEGER = 255;

/**
 * A comparison as a formula over the bits of the integer, each bit an attribute for 0 and one for 1.
 *
 * @throws PolicyError when `value` is out of range, or no integer or every integer satisfies the comparison.
 */
export function comparison(name: Attribute, operator: ComparisonOperator, value: number): Policy {
  checkInteger(value);
  return comparisons[operator](name, value);
}

const comparisons: Record<ComparisonOperator, (name: Attribute, value: number) => Policy> = {
  "=": (name, value) => allOf(integerAttributes(name, value).map(attributePolicy)),
  "!=": (name, value) => anyOf(bits(value).map((bit, i) => bitPolicy(name, i, 1 - bit))),
  "<": (name, value) => atMost(name, value - 1),
  "<=": atMost,
  ">": (name, value) => atLeast(name, value + 1),
  ">=": atLeast,
};

/** What a key holds to say that the integer `name` is `value`: one attribute per bit. */
export function integerAttributes(name: Attribute, value: number): Attribute[] {
  checkInteger(value);
  return bits(value).map((bit, i) => bitAttribute(name, i, bit));
}

function checkInteger(value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > MAX_INTEGER) {
    throw new PolicyError(`${value} is not an integer from 0 to ${MAX_INTEGER}`);
  }
}

/** From the lowest bit up: a set bit must be set (AND), a clear bit may be set instead of all below it (OR). */
function atLeast(name: Attribute, value: number): Policy {
  if (value <= 0 || value > MAX_INTEGER) throw new PolicyError(`"${name}" compared beyond 0 to ${MAX_INTEGER}`);
  return bitwiseBound(name, value, 1);
}

function atMost(name: Attribute, value: number): Policy {
  if (value < 0 || value >= MAX_INTEGER) throw new PolicyError(`"${name}" compared beyond 0 to ${MAX_INTEGER}`);
  return bitwiseBound(name, value, 0);
}

function bitwiseBound(name: Attribute, value: number, wanted: 0 | 1): Policy {
  let bound: Policy | undefined; // undefined: satisfied by anything
  for (const [i, bit] of bits(value).entries()) {
    const isWanted = bitPolicy(name, i, wanted);
    if (bit === wanted) bound = bound === undefined ? isWanted : allOf([isWanted, bound]);
    else if (bound !== undefined) bound = anyOf([isWanted, bound]);
  }
  if (bound === undefined) throw new PolicyError(`every "${name}" satisfies the comparison`);
  return bound;
}

/** The bits of `value`, lowest first. */
function bits(value: number): number[] {
  return Array.from({ length: INTEGER_BITS }, (_, i) => (value >> i) & 1);
}

function bitPolicy(name: Attribute, index: number, bit: number): Policy {
  return attributePolicy(bitAttribute(name, index, bit));
}

/** The last four characters are the bit, all before them the name: no name can pass for another's bit. */
function bitAttribute(name: Attribute, index: number, bit: number): Attribute {
  return `@int/${parseGrantableAttribute(name)}:${index}=${bit}`;
}
