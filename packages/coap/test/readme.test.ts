import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { build } from "esbuild";
import { describe, expect, it, vi } from "vitest";
import { formatCodeMappings } from "../src/proxy/index.js";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");

/** Each example, with the lines that it says it prints. */
const examples = [...README.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => ({
  code,
  printed: [...code.matchAll(/\/\/ → (.*)/g)].map(([, line]) => line),
}));

describe("the examples of the README", () => {
  it.each(examples)("print what they say: %#", async ({ code, printed }) => {
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

it("shows the codes of HTTP beside those of CoAP, as they are mapped", () => {
  const [, shown = ""] = /<!-- codes:.*?-->\n([\s\S]*?)<!-- \/codes -->/.exec(README) ?? [];
  // The formatter lays tables out.
  const plain = (table: string): string[] =>
    table
      .trim()
      .split("\n")
      .map((row) => row.replaceAll(/ +/g, " ").replaceAll(/-+/g, "-").trim());
  expect(plain(shown)).toEqual(plain(formatCodeMappings()));
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
    // What is CommonJS inside has to stay outside.
    external: ["ws"],
  });
  const [output] = outputFiles;
  await import(`data:text/javascript;base64,${Buffer.from(output?.contents ?? "").toString("base64")}`);
}
