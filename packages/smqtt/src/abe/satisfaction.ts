import type { Attribute } from "./attribute.js";
import type { Msp } from "./msp.js";
import { type Policy, policyLeaves } from "./policy.js";

/** Whether `attributes` satisfy the policy. */
export function isSatisfied(policy: Policy, attributes: ReadonlySet<Attribute>): boolean {
  if (policy.type === "attribute") return attributes.has(policy.attribute);
  const isMet = (child: Policy): boolean => isSatisfied(child, attributes);
  return policy.type === "and" ? policy.children.every(isMet) : policy.children.some(isMet);
}

/** A row costs two points to read and add; an occurrence that is used costs a Miller loop, some ten times that. */
const ROW_COST = 1;
const OCCURRENCE_COST = 10;
/** Up to this τ every set of occurrences is tried; beyond, rows of later occurrences are merely dearer. */
const MAX_EXACT_OCCURRENCES = 6;

/**
 * The rows of the cheapest set that satisfies the policy: fewest pairings, then fewest rows. Their sum is
 * (1, 0, …, 0).
 *
 * @returns indices into `msp.rows`, ascending; undefined when `attributes` do not satisfy the policy.
 */
export function cheapestRows(
  policy: Policy,
  msp: Msp,
  attributes: ReadonlySet<Attribute>,
): readonly number[] | undefined {
  let best: Selection | undefined;
  for (const allowed of occurrenceSets(msp)) {
    const cost = (row: number): number | undefined => {
      const { attribute, occurrence } = msp.rows[row] ?? { attribute: "", occurrence: 0 };
      if (!attributes.has(attribute) || !allowed.includes(occurrence)) return undefined;
      return msp.occurrences > MAX_EXACT_OCCURRENCES ? ROW_COST + OCCURRENCE_COST * (occurrence - 1) : ROW_COST;
    };
    const selection = select(policy, 0, cost);
    if (selection === undefined) continue;
    const total = selection.cost + OCCURRENCE_COST * allowed.length;
    if (best === undefined || total < best.cost) best = { rows: selection.rows, cost: total };
  }
  return best?.rows;
}

interface Selection {
  readonly rows: readonly number[];
  readonly cost: number;
}

/** The cheapest rows under `node`, whose first row is `firstRow`. */
function select(node: Policy, firstRow: number, cost: (row: number) => number | undefined): Selection | undefined {
  if (node.type === "attribute") {
    const rowCost = cost(firstRow);
    return rowCost === undefined ? undefined : { rows: [firstRow], cost: rowCost };
  }
  let row = firstRow;
  const selections: (Selection | undefined)[] = [];
  for (const child of node.children) {
    selections.push(select(child, row, cost));
    row += policyLeaves(child).length;
  }
  const possible = selections.filter((selection) => selection !== undefined);
  if (node.type === "or") {
    return possible.reduce<Selection | undefined>((a, b) => (a !== undefined && a.cost <= b.cost ? a : b), undefined);
  }
  if (possible.length < selections.length) return undefined;
  return { rows: possible.flatMap(({ rows }) => rows), cost: possible.reduce((sum, { cost }) => sum + cost, 0) };
}

/** The sets of occurrences that a selection may draw from. */
function occurrenceSets(msp: Msp): number[][] {
  const all = Array.from({ length: msp.occurrences }, (_, i) => i + 1);
  if (msp.occurrences > MAX_EXACT_OCCURRENCES) return [all];
  const sets: number[][] = [];
  for (let bits = 1; bits < 1 << msp.occurrences; bits++) sets.push(all.filter((_, i) => (bits >> i) & 1));
  return sets;
}
