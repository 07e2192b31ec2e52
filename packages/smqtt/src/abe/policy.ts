import type { Attribute } from "./attribute.js";

/**
 * Who may read: a formula of AND and OR over attributes. Thresholds and comparisons are written in the policy
 * language and arrive here expanded.
 */
export type Policy =
  | { readonly type: "attribute"; readonly attribute: Attribute }
  | { readonly type: "and"; readonly children: readonly Policy[] }
  | { readonly type: "or"; readonly children: readonly Policy[] };

/** What a policy may cost; checked before any work is done for it. */
export interface PolicyLimits {
  /** Attributes in it, repeated ones counted each time. */
  readonly leaves: number;
  /** Gates on the way to an attribute, plus one. */
  readonly depth: number;
  /** Times that one attribute may occur: τ, one element of G2 and one pairing each. */
  readonly occurrences: number;
}

/** For policies that come with a ciphertext from anywhere. */
export const CIPHERTEXT_LIMITS: PolicyLimits = { leaves: 64, depth: 16, occurrences: 4 };
/** For policies inside keys, which only the own authority writes. */
export const KEY_LIMITS: PolicyLimits = { leaves: 512, depth: 16, occurrences: 16 };

/** A policy goes beyond a limit or is not well-formed. */
export class PolicyError extends Error {
  override readonly name = "PolicyError";
}

export function attributePolicy(attribute: Attribute): Policy {
  return { type: "attribute", attribute };
}

/** The AND of `policies`: a nested AND is taken apart, one alone is itself. @throws PolicyError when there is none. */
export function allOf(policies: readonly Policy[]): Policy {
  return gate("and", policies);
}

/** The OR of `policies`, likewise. */
export function anyOf(policies: readonly Policy[]): Policy {
  return gate("or", policies);
}

function gate(type: "and" | "or", policies: readonly Policy[]): Policy {
  const children = policies.flatMap((policy) => (policy.type === type ? policy.children : [policy]));
  const [first, second] = children;
  if (first === undefined) throw new PolicyError(`an empty "${type}"`);
  return second === undefined ? first : { type, children };
}

/** The attributes of a policy in the order of its rows, repeated ones each time. */
export function policyLeaves(policy: Policy): Attribute[] {
  return policy.type === "attribute" ? [policy.attribute] : policy.children.flatMap(policyLeaves);
}

/**
 * Passes a policy within the limits; the walk ends at the first thing that is not.
 *
 * @throws PolicyError naming the limit.
 */
export function checkPolicy(policy: Policy, limits: PolicyLimits): void {
  const occurrencesByAttribute = new Map<Attribute, number>();
  let leaves = 0;

  const visit = (node: Policy, depth: number): void => {
    if (depth > limits.depth) throw new PolicyError(`deeper than ${limits.depth} levels`);
    if (node.type !== "attribute") {
      if (node.children.length < 2) throw new PolicyError(`"${node.type}" of ${node.children.length}`);
      for (const child of node.children) visit(child, depth + 1);
      return;
    }
    if (++leaves > limits.leaves) throw new PolicyError(`more than ${limits.leaves} attributes`);
    const occurrences = (occurrencesByAttribute.get(node.attribute) ?? 0) + 1;
    if (occurrences > limits.occurrences) {
      throw new PolicyError(`"${node.attribute}" occurs more than ${limits.occurrences} times`);
    }
    occurrencesByAttribute.set(node.attribute, occurrences);
  };
  visit(policy, 1);
}
