type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

/** `T` with its keys in camel case, down to the last object. What is undefined is not there. */
export type CamelCased<T> = T extends readonly (infer E)[]
  ? readonly CamelCased<E>[]
  : T extends object
    ? { readonly [K in keyof T as K extends string ? CamelCase<K> : K]: CamelCased<Exclude<T[K], undefined>> }
    : T;

/** The configuration's words as the hub's options: `max_connections` is `maxConnections`. */
export function camelCased<T>(value: T): CamelCased<T> {
  // The type says what `convert` does.
  return convert(value) as CamelCased<T>;
}

function convert(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(convert);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.map(([key, inner]) => [camelCaseOf(key), convert(inner)]));
}

function camelCaseOf(key: string): string {
  return key.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
