import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { hubOptionsOf, loadConfig } from "../src/config/index.js";
import { createHub } from "../src/index.js";
import { hubFamilies } from "../src/prometheus/families.js";
import { readGauges } from "../src/prometheus/gauges.js";

const directory = mkdtempSync(join(tmpdir(), "isthmus-pages-"));
afterAll(() => rmSync(directory, { recursive: true }));

function pageOf(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url)), "utf8");
}

/** The blocks of code in `language`. */
function blocksOf(page: string, language: string): string[] {
  return [...pageOf(page).matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, text = ""]) => text);
}

describe("what the pages show of the configuration is one", () => {
  const blocks = ["bridging.md", "from-mosquitto.md"].flatMap((page) =>
    blocksOf(page, "yaml").map((text) => [page, text] as const),
  );

  test("there are some", () => expect(blocks.length).toBeGreaterThan(1));

  test.each(blocks)("%s", (_, text) => {
    const file = join(directory, "isthmus.yaml");
    writeFileSync(join(directory, "cloud-password"), "secret");
    writeFileSync(file, text);
    const { config } = loadConfig({ file });
    const { bridges } = hubOptionsOf(config);
    expect(bridges?.[0]?.topics.length).toBeGreaterThan(0);
  });
});

test("the snippet for those who come from aedes runs, and prints what it says", async () => {
  const [snippet = ""] = blocksOf("from-aedes.md", "ts").filter((text) => text.includes("hub.close()"));
  const [, promised] = /^\/\/ (.*)$/m.exec(snippet) ?? [];
  const printed: string[] = [];
  // The page's own text, with this package in the place of the one that is installed.
  const body = snippet.replace(/^import .*$/m, "").replaceAll("console.log(", "print(");
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (...values: unknown[]) => Promise<void>;
  await new AsyncFunction("createHub", "print", body)(createHub, (...words: string[]) => printed.push(words.join(" ")));
  expect(printed).toEqual([promised]);
});

test("docs/operations.md names every metric of the hub, and no other", async () => {
  const hub = await createHub();
  const gauges = readGauges(hub.exchange, { sessions: [] });
  const names = hubFamilies(hub.metrics, gauges).map(({ name }) => name);
  await hub.close();
  const named = new Set([...pageOf("operations.md").matchAll(/`(isthmus_\w+)/g)].map(([, name]) => name));
  expect(names.filter((name) => !named.has(name) && name !== "isthmus_build_info")).toEqual([]);
  expect([...named].filter((name) => !names.includes(name ?? ""))).toEqual([]);
});

test("docs/operations.md tells every path of the API", async () => {
  const hub = await createHub({ http: { port: 0 } });
  const answer = await fetch(new URL("/api/openapi.json", hub.http?.url));
  const { paths } = (await answer.json()) as { paths: Record<string, object> };
  await hub.close();
  const page = pageOf("operations.md");
  expect(Object.keys(paths).filter((path) => !page.includes(path))).toEqual([]);
});
