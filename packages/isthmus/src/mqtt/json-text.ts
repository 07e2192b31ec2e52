/** JSON as a list of entries, so that order and repeated keys stay; a {@link RawJson} is printed as it was written. */
export type JsonValue = string | number | null | RawJson | JsonEntries;
export type JsonEntries = readonly (readonly [key: string, value: JsonValue])[];

/** JSON that came in as text. Its numbers are printed as written, not as a double would have it. */
export class RawJson {
  readonly text: string;

  /** @throws SyntaxError when it is not JSON. */
  constructor(text: string) {
    JSON.parse(text);
    this.text = text;
  }
}

/** Prints on one line, without a blank. */
export function formatJson(value: JsonValue): string {
  if (value instanceof RawJson) return tokensOf(value.text).join("");
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${value.map(([key, entry]) => `${JSON.stringify(key)}:${formatJson(entry)}`).join(",")}}`;
}

/** Prints a line for each entry, as mosquitto_sub does: a tab for each level and behind each colon. */
export function formatPrettyJson(value: JsonValue, depth = 0): string {
  if (value instanceof RawJson) return prettyTokens(tokensOf(value.text), depth);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const indent = "\t".repeat(depth);
  const lines = value.map(
    ([key, entry]) => `${indent}\t${JSON.stringify(key)}:\t${formatPrettyJson(entry, depth + 1)}`,
  );
  return `{\n${lines.map((line, index) => `${line}${index < lines.length - 1 ? "," : ""}\n`).join("")}${indent}}`;
}

/** Strings (with no more escapes than need be), punctuation, and what is neither: numbers and words. */
function tokensOf(text: string): string[] {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s"[\]{}:,]+/g) ?? [];
  return tokens.map((token) => (token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token));
}

function prettyTokens(tokens: readonly string[], startDepth: number): string {
  const open: string[] = [];
  let printed = "";
  // An array takes a level too, though it stands on one line.
  const newLine = (): string => `\n${"\t".repeat(startDepth + open.length)}`;
  for (const [index, token] of tokens.entries()) {
    if (token === "{") {
      open.push(token);
      printed += tokens[index + 1] === "}" ? "{" : `{${newLine()}`;
    } else if (token === "}") {
      open.pop();
      printed += `${newLine()}}`;
    } else if (token === "[" || token === "]") {
      if (token === "[") open.push(token);
      else open.pop();
      printed += token;
    } else if (token === ",") printed += open.at(-1) === "{" ? `,${newLine()}` : ", ";
    else printed += token === ":" ? ":\t" : token;
  }
  return printed;
}
