// `npm run bench`: installs and builds if need be, then measures. What follows `--` goes to bench/main.ts, what follows
// `-- coap` to bench/coap/main.ts.
import { spawn } from "node:child_process";
import path from "node:path";
import { bin, ensureBuilt, ensureInstalled, environment, ROOT } from "./workspace.mjs";

ensureInstalled();
ensureBuilt();

const args = process.argv.slice(2);
const [main, flags] = args[0] === "coap" ? ["bench/coap/main.ts", args.slice(1)] : ["bench/main.ts", args];
const bench = spawn(bin("node"), [path.join(ROOT, main), ...flags], {
  stdio: "inherit",
  env: environment(),
});
// A terminal sends its signals to both; a supervisor only to this process.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => bench.kill(signal));
bench.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
