import type { FixedBase } from "./pairing-group.js";

/**
 * Multiplies plainly for the first `uses` times, and by a table from then on: a base that is used once an hour never
 * pays for one.
 */
export function warmingTable<E>(multiply: FixedBase<E>, buildTable: () => FixedBase<E>, uses: number): FixedBase<E> {
  let used = 0;
  let table: FixedBase<E> | undefined;
  return (scalar) => {
    if (table === undefined && used++ >= uses) table = buildTable();
    return (table ?? multiply)(scalar);
  };
}
