import { type OpenTables, type TablesState, writeState } from "./tables.js";

/** The form of the files that this version writes. */
export const FORMAT = 1;

/** Rewrites the tables of the form before the one that it is for. It may be run again after a crash. */
export type UpgradeStep = (tables: OpenTables) => void;

/** What makes each form out of the one before it; the first has none. A form once released is never changed. */
const STEPS: ReadonlyMap<number, UpgradeStep> = new Map();

/** The files are of a form that this version does not know. */
export class NewerFormatError extends Error {
  override readonly name = "NewerFormatError";
}

/** @throws NewerFormatError */
export function checkFormat(format: number, known = FORMAT): void {
  if (format <= known) return;
  throw new NewerFormatError(`it has format ${format}, this version knows formats up to ${known}`);
}

/**
 * Brings tables of an older form to `target`, each step in a transaction of its own. A journal is read before that: its
 * frames hold keys and values in the form of the tables that they are for.
 *
 * @throws NewerFormatError
 */
export function upgrade(
  tables: OpenTables,
  state: TablesState,
  steps: ReadonlyMap<number, UpgradeStep> = STEPS,
  target = FORMAT,
): TablesState {
  checkFormat(state.format, target);
  let current = state;
  while (current.format < target) {
    const next = { ...current, format: current.format + 1 };
    const step = steps.get(next.format);
    if (step === undefined) throw new RangeError(`nothing leads from format ${current.format} to ${next.format}`);
    tables.root.transactionSync(() => {
      step(tables);
      writeState(tables, next);
    });
    current = next;
  }
  return current;
}
