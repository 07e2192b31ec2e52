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
    `nothing that any door acknowledged is lost, no QoS 2 message comes twice, no value is older than acknowledged (seed ${SEED}, ${ROUNDS} rounds)`,
    async () => {
      const result = await runKillTest({
        dataDirectory: path.join(root, "data"),
        rounds: ROUNDS,
        seed: SEED,
        report: (round, soFar) => {
          if (round % REPORTED_ROUNDS === 0) console.log(`round ${round}: ${soFar.messages} messages`);
        },
      });
      const { rounds, messages, messagesByDoor, deliveries, lost, duplicates, repeated, valuesRead, staleValues } =
        result;
      const { coap, http } = messagesByDoor;
      console.log(
        `seed ${SEED}: ${rounds} rounds, ${messages} messages (${coap} by CoAP, ${http} by HTTP), ${deliveries} deliveries, ` +
          `${lost} lost, ${duplicates} QoS 2 duplicates (QoS 1 sent again: ${repeated}), ` +
          `${valuesRead} values read, ${staleValues} of them too old`,
      );
      expect({ rounds, lost, duplicates, staleValues }).toEqual({
        rounds: ROUNDS,
        lost: 0,
        duplicates: 0,
        staleValues: 0,
      });
      // Two subscribers, and the run has put something through.
      expect(deliveries).toBe(2 * messages);
      expect(messages).toBeGreaterThan(10 * ROUNDS);
      expect(Math.min(coap, http)).toBeGreaterThan(ROUNDS);
      // At both doors, each value after the last restart.
      expect(valuesRead).toBeGreaterThanOrEqual(12);
    },
    60_000 + ROUNDS * 20_000,
  );
});
