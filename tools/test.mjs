// `npm test`: installs what is missing, builds, and runs every test. What follows `--` goes to vitest.
import { ensurePeers } from "./peers.mjs";
import { bin, ensureBuilt, ensureInstalled, run } from "./workspace.mjs";

ensureInstalled();
ensurePeers();
ensureBuilt();
run(bin("vitest"), ["run", ...process.argv.slice(2)]);
