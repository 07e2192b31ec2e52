// Checks that each public package would work once published.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { ROOT } from "./workspace.mjs";

let problems = 0;
for (const name of readdirSync(path.join(ROOT, "packages"))) {
  const pkgDir = path.join(ROOT, "packages", name);
  const pkg = JSON.parse(readFileSync(path.join(pkgDir, "package.json"), "utf8"));
  if (pkg.private) continue;
  const { messages } = await publint({ pkgDir, strict: true, pack: false });
  for (const message of messages) {
    problems++;
    console.error(`${pkg.name}: ${formatMessage(message, pkg)}`);
  }
}
if (problems > 0) process.exit(1);
