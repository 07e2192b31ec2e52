// `npm run test:kill -- --rounds 200`: kills the hub under load again and again, and counts what was lost or came twice.
// `--seed N` repeats a run.
import { parseArgs } from "node:util";
import { bin, ensureBuilt, ensureInstalled, environment, run } from "./workspace.mjs";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "200" }, seed: { type: "string" } } });

ensureInstalled();
ensureBuilt();
run(bin("vitest"), ["run", "packages/isthmus/test/kill.test.ts", "--disable-console-intercept"], {
  env: {
    ...environment(),
    ISTHMUS_KILL_ROUNDS: values.rounds,
    ...(values.seed === undefined ? {} : { ISTHMUS_KILL_SEED: values.seed }),
  },
});
