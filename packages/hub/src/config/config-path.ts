/** Where a value stands: keys, and indices of lists. */
export type ConfigPath = readonly (string | number)[];

/** As people write it: `listeners[0].port`. */
export function formatPath(path: ConfigPath): string {
  return path
    .map((step, index) => (typeof step === "number" ? `[${step}]` : `${index > 0 ? "." : ""}${step}`))
    .join("");
}

/** The value at `path`; undefined when there is none. */
export function valueAt(tree: unknown, path: ConfigPath): unknown {
  let value = tree;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}

/** Whether `inner` is `outer` or stands within. */
export function isWithin(inner: ConfigPath, outer: ConfigPath): boolean {
  return outer.every((step, index) => inner[index] === step);
}
