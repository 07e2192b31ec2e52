import { INFINITE_RANK } from "./rank.js";

/** A neighbour that may become a parent. */
export interface Candidate {
  /** The rank that it told last. */
  readonly rank: number;
  /** Expected transmissions to it: 1 is a perfect link. */
  readonly etx: number;
}

/** How ranks are made of parents and links (RFC 6550 14). */
export interface ObjectiveFunction {
  readonly objectiveCodePoint: number;
  /** Whether the neighbour will do as a parent: one that will not is a last resort. */
  isGoodParent(parent: Candidate): boolean;
  /** The rank that we would have with this parent; infinite when that is too far from the root. */
  rankThrough(parent: Candidate, minHopRankIncrease: number): number;
  /** By how much less a new parent's rank must be for us to leave the present one. */
  readonly switchThreshold: number;
}

/** Objective function zero (RFC 6552): a hop costs by the quality of its link, from 1 to 9 steps. */
export const objectiveFunctionZero: ObjectiveFunction = {
  objectiveCodePoint: 0,
  // A step's worth: what is closer than that is as good.
  switchThreshold: 256,
  isGoodParent: () => true,
  rankThrough({ rank, etx }, minHopRankIncrease) {
    // RFC 6552 6.2: the step of rank lies between 1 and 9; 3 ETX - 2, as others have it.
    const step = Math.min(9, Math.max(1, Math.round(3 * etx - 2)));
    return bounded(rank, rank + step * minHopRankIncrease);
  },
};

/** MRHOF wants a link of at most 4 transmissions, and a path of less than 32,768 units (RFC 6719 5). */
const MAX_LINK_ETX = 4;
const MAX_PATH_COST = 32_768;
const ETX_UNIT = 128;

/** Minimum rank with hysteresis over ETX (RFC 6719): the cost of a path is the sum of expected transmissions. */
export const mrhof: ObjectiveFunction = {
  objectiveCodePoint: 1,
  // PARENT_SWITCH_THRESHOLD: one and a half transmissions.
  switchThreshold: 192,
  isGoodParent: ({ etx }) => etx <= MAX_LINK_ETX,
  rankThrough({ rank, etx }, minHopRankIncrease) {
    const pathCost = rank + etx * ETX_UNIT;
    if (pathCost > MAX_PATH_COST) return INFINITE_RANK;
    // RFC 6719 3.4: at least a hop more than the parent.
    return bounded(rank, Math.max(Math.round(pathCost), rank + minHopRankIncrease));
  },
};

function bounded(parentRank: number, rank: number): number {
  return parentRank === INFINITE_RANK || rank >= INFINITE_RANK ? INFINITE_RANK : rank;
}

/** The objective functions known, by their code point. */
export const OBJECTIVE_FUNCTIONS: ReadonlyMap<number, ObjectiveFunction> = new Map([
  [objectiveFunctionZero.objectiveCodePoint, objectiveFunctionZero],
  [mrhof.objectiveCodePoint, mrhof],
]);
