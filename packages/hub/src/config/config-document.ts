import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from "yaml";
import type { ConfigPath } from "./config-path.js";
import { ConfigError, type ConfigProblem } from "./config-problem.js";

/** A place in a file, from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A text of the file, and where it stands. */
export interface FileText {
  readonly path: ConfigPath;
  readonly text: string;
}

/** A configuration file that was read, and that knows where its values stand. */
export class ConfigDocument {
  readonly file: string;
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;

  private constructor(file: string, document: Document.Parsed, lines: LineCounter) {
    this.file = file;
    this.#document = document;
    this.#lines = lines;
  }

  /** @throws ConfigError for what is no YAML. */
  static parse(file: string, text: string): ConfigDocument {
    const lineCounter = new LineCounter();
    const document = parseDocument(text, { lineCounter, merge: true, prettyErrors: false });
    const parsed = new ConfigDocument(file, document, lineCounter);
    if (document.errors.length > 0 || typeof document.toJS() === "string") {
      throw new ConfigError(parsed.#syntaxProblems(text));
    }
    return parsed;
  }

  /** What the file says; an empty one says nothing. */
  toTree(): unknown {
    return this.#document.toJS() ?? {};
  }

  /** Where the value at `path` stands, or the innermost that there is of it; with `key`, where that key of it stands. */
  locate(path: ConfigPath, key?: string): Position {
    let node: unknown = this.#document.contents;
    let offset = offsetOf(node) ?? 0;
    for (const step of path) {
      node = this.#child(node, step)?.value;
      offset = offsetOf(node) ?? offset;
    }
    if (key !== undefined) offset = offsetOf(this.#child(node, key)?.key) ?? offset;
    return this.#position(offset);
  }

  #child(node: unknown, step: string | number): { key: unknown; value: unknown } | undefined {
    const container = isAlias(node) ? node.resolve(this.#document) : node;
    if (isSeq(container)) return { key: undefined, value: container.items[Number(step)] };
    if (!isMap(container)) return undefined;
    return container.items.find((item) => isScalar(item.key) && item.key.value === step);
  }

  /** Every text value of the file. */
  texts(): readonly FileText[] {
    const found: FileText[] = [];
    visit(this.#document, {
      Scalar: (key, node, parents) => {
        if (key === "key" || typeof node.value !== "string") return;
        found.push({ path: pathOf(parents, key), text: node.value });
      },
    });
    return found;
  }

  #syntaxProblems(text: string): readonly ConfigProblem[] {
    const hint = looksLikeMosquitto(text)
      ? `this looks like mosquitto's format: isthmus config import ${this.file} converts it`
      : undefined;
    const [error] = this.#document.errors;
    if (error === undefined) {
      return [{ source: this.file, line: 1, column: 1, message: "no settings, but a text", hint }];
    }
    return [
      { source: this.file, ...this.#position(error.pos[0]), message: error.message, hint: hint ?? hintOf(error.code) },
    ];
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }
}

function offsetOf(node: unknown): number | undefined {
  // A node has the range of its text, if it came from one.
  return (node as Node | null | undefined)?.range?.[0];
}

/** The path to the value that `visit` has reached through `parents`. */
function pathOf(parents: readonly unknown[], key: number | string | null): ConfigPath {
  const path: (string | number)[] = [];
  for (const [index, parent] of parents.entries()) {
    const child = parents[index + 1];
    if (isSeq(parent)) path.push(child === undefined ? Number(key) : parent.items.indexOf(child));
    else if (typeof parent === "object" && parent !== null && "key" in parent && isScalar(parent.key)) {
      path.push(String(parent.key.value));
    }
  }
  return path;
}

function hintOf(code: string): string | undefined {
  switch (code) {
    case "TAB_AS_INDENT":
      return "indent with spaces: YAML takes no tabs";
    case "DUPLICATE_KEY":
      return "a key may stand once in a mapping: put both together, or remove one";
    case "BAD_INDENT":
    case "BLOCK_AS_IMPLICIT_KEY":
      return "keys of one mapping begin in the same column, and a colon is followed by a space";
    default:
      return undefined;
  }
}

function looksLikeMosquitto(text: string): boolean {
  return /^(listener|port|allow_anonymous|password_file|acl_file|persistence|connection|log_dest)[ \t]+\S/m.test(text);
}
