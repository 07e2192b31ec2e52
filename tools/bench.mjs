// `npm run bench`: installs and builds if need be, then measures. What follows `--` goes to bench/main.ts.
import { spawn } from "node:child_process";
import path from "node:path";
import { bin, ensureBuilt, ensureInstalled, environment, ROOT } from "./workspace.mjs";

ensureInstalled();
ensureBuilt();

const bench = spawn(bin("node"), [path.join(ROOT, "bench", "main.ts"), ...process.argv.slice(2)], {
  stdio: "inherit",
  env: environment(),
});
// A terminal sends its signals to both; a supervisor only to this process.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => bench.kill(signal));
bench.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
