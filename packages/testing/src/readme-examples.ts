import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { build } from "esbuild";

/** A block of TypeScript in a README, with the lines that it says it prints (`// → line`). */
export interface ReadmeExample {
  /** The heading that it stands under. */
  readonly title: string;
  readonly code: string;
  readonly printed: readonly string[];
}

/** The examples of the README at `readme`, from first to last. */
export function readmeExamples(readme: URL): ReadmeExample[] {
  let title = "";
  const blocks = readFileSync(readme, "utf8").matchAll(/^#+ (?<heading>[^\n]*)$|^```ts\n(?<code>.*?)^```/gms);
  return [...blocks].flatMap(({ groups }) => {
    title = groups?.["heading"] ?? title;
    const code = groups?.["code"];
    if (code === undefined) return [];
    return [{ title, code, printed: [...code.matchAll(/\/\/ → (.*)/g)].map(([, line = ""]) => line) }];
  });
}

/**
 * Runs `code` as a module that stands in `folder`, on the sources of our packages.
 *
 * @returns the lines that it prints with `console.log`.
 */
export async function runExample(code: string, folder: URL): Promise<string[]> {
  const { outputFiles } = await build({
    stdin: { contents: code, loader: "ts", resolveDir: fileURLToPath(folder) },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "es2024",
    conditions: ["isthmus-source"],
    // What is CommonJS inside has to stay outside.
    external: ["ws"],
  });
  const { log } = console;
  const lines: string[] = [];
  console.log = (...values: unknown[]) => void lines.push(format(...values));
  try {
    const module = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64");
    await import(`data:text/javascript;base64,${module}`);
  } finally {
    console.log = log;
  }
  return lines;
}
