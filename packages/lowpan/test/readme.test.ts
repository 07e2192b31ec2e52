import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { build } from "esbuild";
import { describe, expect, it, vi } from "vitest";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const PACKAGE = readFileSync(new URL("../package.json", import.meta.url), "utf8");

/** Each example, with the lines that it says it prints. */
const examples = [...README.matchAll(/## (.*?)\n\n```ts\n(.*?)```/gs)].map(([, title = "", code = ""]) => ({
  title,
  code,
  printed: [...code.matchAll(/\/\/ → (.*)/g)].map(([, line]) => line),
}));

describe("the examples of the README", () => {
  it("are four", () => {
    expect(examples.length).toBe(4);
  });

  it.each(examples)("print what they say: $title", async ({ code, printed }) => {
    expect(printed.length).toBeGreaterThan(0);
    const lines: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
      lines.push(format(...values));
    });
    try {
      await run(code);
    } finally {
      log.mockRestore();
    }
    expect(lines).toEqual(printed);
  });
});

it("lists what can be imported, and nothing else", () => {
  const listed = [...README.matchAll(/^\| `@isthmus\/lowpan(.*?)`/gm)].map(([, subPath]) => `.${subPath}`);
  const { exports }: { exports: object } = JSON.parse(PACKAGE);
  expect(listed).toEqual(Object.keys(exports));
});

async function run(code: string): Promise<void> {
  const { outputFiles } = await build({
    stdin: { contents: code, loader: "ts", resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "es2024",
    conditions: ["isthmus-source"],
  });
  const [output] = outputFiles;
  await import(`data:text/javascript;base64,${Buffer.from(output?.contents ?? "").toString("base64")}`);
}
