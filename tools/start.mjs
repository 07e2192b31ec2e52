// `npm start`: installs and builds if need be, then runs the hub. What follows `--` goes to `isthmus serve`.
import { spawn } from "node:child_process";
import path from "node:path";
import { bin, ensureBuilt, ensureInstalled, environment, ROOT } from "./workspace.mjs";

ensureInstalled();
ensureBuilt();

const hub = spawn(
  bin("node"),
  [path.join(ROOT, "packages/isthmus/bin/isthmus.js"), "serve", ...process.argv.slice(2)],
  {
    stdio: "inherit",
    env: environment(),
  },
);
// A terminal sends its signals to both; a supervisor only to this process.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => hub.kill(signal));
hub.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
