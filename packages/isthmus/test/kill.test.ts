import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runKillTest } from "./kill/run-kill-test.js";

/** Long runs: `npm run test:kill -- --rounds 200`. */
const ROUNDS = Number(process.env["ISTHMUS_KILL_ROUNDS"] ?? 6);
/** To repeat a run, as it was printed. */
const SEED = Number(process.env["ISTHMUS_KILL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const REPORTED_ROUNDS = 20;

const root = mkdtempSync(path.join(tmpdir(), "isthmus-kill-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a hub that is killed under load, again and again", () => {
  test(
    `nothing that was acknowledged is lost, no QoS 2 message comes twice (seed ${SEED}, ${ROUNDS} rounds)`,
    async () => {
      const result = await runKillTest({
        dataDirectory: path.join(root, "data"),
        rounds: ROUNDS,
        seed: SEED,
        report: (round, soFar) => {
          if (round % REPORTED_ROUNDS === 0) console.log(`round ${round}: ${soFar.messages} messages`);
        },
      });
      const { rounds, messages, deliveries, lost, duplicates, repeated } = result;
      console.log(
        `seed ${SEED}: ${rounds} rounds, ${messages} messages, ${deliveries} deliveries, ${lost} lost, ` +
          `${duplicates} QoS 2 duplicates (QoS 1 sent again: ${repeated})`,
      );
      expect({ rounds, lost, duplicates }).toEqual({ rounds: ROUNDS, lost: 0, duplicates: 0 });
      // Two subscribers, and the run has put something through.
      expect(deliveries).toBe(2 * messages);
      expect(messages).toBeGreaterThan(10 * ROUNDS);
    },
    60_000 + ROUNDS * 20_000,
  );
});
