import type { Attribute } from "./attribute.js";
import type { Policy } from "./policy.js";

/**
 * A monotone span program (M, π): a matrix M whose rows are labelled with attributes, such that (1, 0, …, 0) is in the
 * span of the rows of a set of attributes exactly when the set satisfies the policy.
 *
 * Built as by Lewko and Waters (EUROCRYPT 2011, appendix G): entries are -1, 0 and 1, one row per attribute of the
 * formula, and the rows of a minimal satisfying set add up to (1, 0, …, 0), so reconstruction needs no multiplication.
 */
export interface Msp {
  readonly rows: readonly MspRow[];
  /** Columns of M: 1 + the number of random values that share a secret. */
  readonly columns: number;
  /** τ, the largest {@link MspRow.occurrence}. */
  readonly occurrences: number;
}

export interface MspRow {
  /** π(i). */
  readonly attribute: Attribute;
  /** ρ(i): the how-manieth row with this attribute, from 1. */
  readonly occurrence: number;
  /** The entries of M_i that are not 0. */
  readonly entries: readonly MspEntry[];
}

export interface MspEntry {
  readonly column: number;
  readonly value: 1 | -1;
}

/** The span program of a policy, rows in the order of its attributes. The caller has checked the policy's limits. */
export function buildMsp(policy: Policy): Msp {
  const rows: MspRow[] = [];
  const occurrencesByAttribute = new Map<Attribute, number>();
  let columns = 1;

  const visit = (node: Policy, vector: readonly MspEntry[]): void => {
    switch (node.type) {
      case "attribute": {
        const occurrence = (occurrencesByAttribute.get(node.attribute) ?? 0) + 1;
        occurrencesByAttribute.set(node.attribute, occurrence);
        rows.push({ attribute: node.attribute, occurrence, entries: vector });
        return;
      }
      case "or":
        for (const child of node.children) visit(child, vector);
        return;
      case "and": {
        // c1 AND (c2 AND (c3 …)): each child but the last takes a new column with 1, what remains gets it with -1.
        let remaining = vector;
        for (const child of node.children.slice(0, -1)) {
          const column = columns++;
          visit(child, [...remaining, { column, value: 1 }]);
          remaining = [{ column, value: -1 }];
        }
        for (const child of node.children.slice(-1)) visit(child, remaining);
      }
    }
  };
  visit(policy, [{ column: 0, value: 1 }]);
  return { rows, columns, occurrences: Math.max(...occurrencesByAttribute.values()) };
}
