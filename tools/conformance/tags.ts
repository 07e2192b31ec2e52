import type { Side, Standard } from "./statements.ts";

/** A statement named in a file: `[MQTT-3.1.2-22]`, or `[MQTT-3.1.2-24] of MQTT 3.1.1`. */
export interface Tag {
  readonly standard: Standard;
  readonly number: string;
  /** The test, or the row of a table of tests, that it stands in; undefined for code. */
  readonly title: string | undefined;
}

const TAG = /\[?MQTT-(\d+\.\d+(?:\.\d+)?)-(\d+)\]?(?: to \[MQTT-\1-(\d+)\])?( of MQTT 3\.1\.1\]?)?/g;
const STRING = /(["`])((?:\\.|(?!\1)[^\\\n])*)\1/g;
/** Where a title stands: behind `test(`, `it(`, `describe(`, or behind the table of an `each`. */
const TITLE = /(?:\b(?:test|it|describe)(?:\.\w+)*\(|\)\()\s*(["`])((?:\\.|(?!\1)[^\\\n])*)\1/g;
/** What may stand between a comment and the test that it belongs to. */
const BEFORE_A_TEST = /^[^\n]*\n(?:\s*\/\/[^\n]*\n)*\s*(?:test|it|describe)\b/;

/** The tags of a source file. */
export function tagsOfCode(text: string): Tag[] {
  return [...text.matchAll(TAG)].flatMap((match) => expand(match, undefined));
}

/**
 * The tags of a test file. One in a string belongs to that string: a title, or a row of a table; one that is all of its
 * string belongs to the string before it. One in a comment belongs to the test that it stands in, or right above.
 *
 * @throws SyntaxError for one that belongs to no test.
 */
export function tagsOfTests(text: string): Tag[] {
  const strings = [...text.matchAll(STRING)].map(({ index, 0: { length }, 2: value = "" }) => ({
    index,
    length,
    value,
  }));
  const titles = [...text.matchAll(TITLE)].map(({ index, 0: { length }, 2: value = "" }) => ({ index, length, value }));
  return [...text.matchAll(TAG)].flatMap((match) => {
    const at = match.index;
    const own = strings.findIndex(({ index, length }) => index < at && at < index + length);
    const title = own === -1 ? titleOfComment(text, at, titles) : titleOfString(strings, own);
    if (title === undefined || title === "") throw new SyntaxError(`${match[0]} belongs to no test`);
    return expand(match, title);
  });
}

interface Located {
  readonly index: number;
  readonly length: number;
  readonly value: string;
}

function titleOfString(strings: readonly Located[], own: number): string | undefined {
  return withoutTags(strings[own]?.value) || withoutTags(strings[own - 1]?.value);
}

function titleOfComment(text: string, at: number, titles: readonly Located[]): string | undefined {
  const isAbove = BEFORE_A_TEST.test(text.slice(at));
  const title = isAbove ? titles.find(({ index }) => index > at) : titles.findLast(({ index }) => index < at);
  return withoutTags(title?.value);
}

function withoutTags(title = ""): string {
  return title
    .replaceAll(TAG, "")
    .replaceAll(/[\s,:]+$|^[\s,]+/g, "")
    .replaceAll(/\s+/g, " ");
}

function expand(match: RegExpExecArray, title: string | undefined): Tag[] {
  const [, section = "", first = "", last = first, older] = match;
  const standard = older === undefined ? "5.0" : "3.1.1";
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => ({
    standard,
    number: `${section}-${Number(first) + i}`,
    title,
  }));
}

/** The side that a test file shows, by its path below `packages`; undefined for one that shows neither. */
export function sidesOf(file: string): readonly Side[] | undefined {
  if (/^(?:hub|exchange)\//.test(file) || file.startsWith("mqtt/test/server-")) return ["server"];
  if (/^(?:bytes|mqtt\/test\/(?:codec|topics|transport|session-structures))/.test(file)) return ["server", "client"];
  return file.startsWith("mqtt/") ? ["client"] : undefined;
}
