/** Some of many, in order, and where to go on. */
export interface Page<T> {
  readonly items: readonly T[];
  /** What to give as `after` to get those behind; undefined when there are none. */
  readonly next: string | undefined;
}

/** Others have their turn after so many. */
const TURN = 2000;

/** The first `limit` of `all` by name behind `after`, without a copy of all. */
export async function pageOf<T>(
  all: Iterable<T>,
  nameOf: (each: T) => string,
  after: string,
  limit: number,
  isWanted: (each: T) => boolean = () => true,
): Promise<Page<T>> {
  /** In order, and one more than is asked for: it tells that there is more. */
  const first: T[] = [];
  let seen = 0;
  for (const each of all) {
    if (++seen % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    const name = nameOf(each);
    if (name <= after || !isWanted(each)) continue;
    const last = first.length > limit ? first.at(-1) : undefined;
    if (last !== undefined && name >= nameOf(last)) continue;
    if (last !== undefined) first.pop();
    first.splice(placeOf(name, first, nameOf), 0, each);
  }
  const items = first.slice(0, limit);
  const last = items.at(-1);
  return { items, next: first.length > limit && last !== undefined ? nameOf(last) : undefined };
}

/** The first `limit` of `all`. */
export function firstOf<T>(all: Iterable<T>, limit: number): T[] {
  const first: T[] = [];
  for (const each of all) {
    if (first.length === limit) break;
    first.push(each);
  }
  return first;
}

function placeOf<T>(name: string, sorted: readonly T[], nameOf: (each: T) => string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const each = sorted[middle];
    if (each !== undefined && nameOf(each) < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
