import { readFileSync } from "node:fs";

/** The versions of MQTT whose statements are listed here. */
export const STANDARDS = ["5.0", "3.1.1"] as const;
export type Standard = (typeof STANDARDS)[number];

/** Whom a statement binds. */
export type Side = "server" | "client";

/** A normative statement of a standard. */
export interface Statement {
  readonly standard: Standard;
  /** `3.1.2-22` */
  readonly number: string;
  readonly sides: readonly Side[];
  /** What it says, in a few words of our own. */
  readonly summary: string;
  /** Why no test shows it, by the side that it binds. */
  readonly reasonBySide: ReadonlyMap<Side, string>;
}

const STATEMENT = /^(\d[\d.]*-\d+) (server|client|both): (.+)$/;
const REASON = /^- (server|client): (.+)$/;

/** All statements of a standard, in the order of its text. */
export function readStatements(standard: Standard): Statement[] {
  return parseStatements(standard, readFileSync(new URL(`mqtt-${standard}.txt`, import.meta.url), "utf8"));
}

/** @throws SyntaxError for a line that is neither a statement nor a reason, or a number that was there before. */
export function parseStatements(standard: Standard, text: string): Statement[] {
  const statements: (Statement & { readonly reasonBySide: Map<Side, string> })[] = [];
  const numbers = new Set<string>();
  for (const line of text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))) {
    const [, number, binds, summary] = STATEMENT.exec(line) ?? [];
    if (number !== undefined && summary !== undefined) {
      if (numbers.has(number)) throw new SyntaxError(`MQTT ${standard}: ${number} is there twice`);
      numbers.add(number);
      // The pattern knows no other word.
      const sides = binds === "both" ? (["server", "client"] as const) : ([binds] as Side[]);
      statements.push({ standard, number, sides, summary, reasonBySide: new Map() });
      continue;
    }
    const [, side, reason] = REASON.exec(line) ?? [];
    const last = statements.at(-1);
    if (reason === undefined || last === undefined) throw new SyntaxError(`MQTT ${standard}: not a statement: ${line}`);
    // As above.
    last.reasonBySide.set(side as Side, reason);
  }
  return statements;
}
