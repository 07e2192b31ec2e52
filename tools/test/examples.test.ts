import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));
const run = promisify(execFile);

/** What an example says at its end that it prints. */
function promised(file: string): string {
  const [, comment = ""] = readFileSync(file, "utf8").split("// Prints:\n");
  return comment.replaceAll(/^\/\/ ?/gm, "").trim();
}

test.each(readdirSync(EXAMPLES).filter((name) => name.endsWith(".ts")))(
  "examples/%s runs, ends by itself, and prints what it says",
  async (name) => {
    const file = path.join(EXAMPLES, name);
    expect(promised(file)).not.toBe("");
    const { stdout } = await run(process.execPath, [file], { timeout: 15_000 });
    expect(stdout.trim()).toBe(promised(file));
  },
);
