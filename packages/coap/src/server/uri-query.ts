/** The arguments of a query: `name=value`, or a name alone whose value is "". Names may repeat. */
export class UriQuery implements Iterable<readonly [name: string, value: string]> {
  /** As they came, one text each. */
  readonly arguments: readonly string[];

  /** @param args decoded Uri-Query options. */
  constructor(args: readonly string[]) {
    this.arguments = args;
  }

  /** The first value of `name`. */
  get(name: string): string | undefined {
    for (const [other, value] of this) if (other === name) return value;
    return undefined;
  }

  /** All values of `name`, in order. */
  getAll(name: string): string[] {
    return [...this].filter(([other]) => other === name).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  *[Symbol.iterator](): Generator<readonly [name: string, value: string]> {
    for (const argument of this.arguments) {
      const equals = argument.indexOf("=");
      yield equals < 0 ? [argument, ""] : [argument.slice(0, equals), argument.slice(equals + 1)];
    }
  }
}
