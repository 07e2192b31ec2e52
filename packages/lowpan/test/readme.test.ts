import { readFileSync } from "node:fs";
import { readmeExamples, runExample } from "@isthmus/testing/readme-examples";
import { describe, expect, it } from "vitest";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const PACKAGE = readFileSync(new URL("../package.json", import.meta.url), "utf8");

const examples = readmeExamples(new URL("../README.md", import.meta.url));

describe("the examples of the README", () => {
  it("are four", () => {
    expect(examples.length).toBe(4);
  });

  it.each(examples)("print what they say: $title", async ({ code, printed }) => {
    expect(printed.length).toBeGreaterThan(0);
    expect(await runExample(code, new URL(".", import.meta.url))).toEqual(printed);
  });
});

it("lists what can be imported, and nothing else", () => {
  const listed = [...README.matchAll(/^\| `@isthmus\/lowpan(.*?)`/gm)].map(([, subPath]) => `.${subPath}`);
  const { exports }: { exports: object } = JSON.parse(PACKAGE);
  expect(listed).toEqual(Object.keys(exports));
});
