import { readFileSync } from "node:fs";
import { readmeExamples, runExample } from "@isthmus/testing/readme-examples";
import { describe, expect, it } from "vitest";
import { formatCodeMappings } from "../src/proxy/index.js";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");

const examples = readmeExamples(new URL("../README.md", import.meta.url));

describe("the examples of the README", () => {
  it.each(examples)("print what they say: $title", async ({ code, printed }) => {
    expect(printed.length).toBeGreaterThan(0);
    expect(await runExample(code, new URL(".", import.meta.url))).toEqual(printed);
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
