import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { findProgram, launchMosquitto, type Mosquitto } from "@isthmus/testing/peers";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const mosquitto = findProgram("mosquitto");

/** Each example, with the lines that it says it prints. */
const examples = [...README.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => ({
  code,
  printed: [...code.matchAll(/\/\/ → (.*)/g)].map(([, line]) => line),
}));

describe.skipIf(mosquitto === undefined)("the examples of the README", () => {
  let broker: Mosquitto;
  beforeAll(async () => {
    broker = await launchMosquitto(mosquitto ?? "");
  });
  afterAll(() => broker?.stop());

  it.each(examples)("print what they say: %#", async ({ code, printed }) => {
    expect(printed.length).toBeGreaterThan(0);
    const lines: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
      lines.push(format(...values));
    });
    try {
      await run(code.replaceAll("mqtt://localhost", broker.url));
    } finally {
      log.mockRestore();
    }
    expect(lines).toEqual(printed);
  });
});

async function run(code: string): Promise<void> {
  const { outputFiles } = await build({
    stdin: { contents: code, loader: "ts", resolveDir: fileURLToPath(new URL("..", import.meta.url)) },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node22",
    conditions: ["isthmus-source"],
    external: ["ws"],
    write: false,
  });
  const [file] = outputFiles;
  await import(`data:text/javascript;base64,${Buffer.from(file?.contents ?? []).toString("base64")}`);
}
