import { expect, test } from "vitest";
import { FuzzTally } from "../../mqtt/test/fuzz/fuzz-target.js";
import { runFuzz } from "../../mqtt/test/fuzz/run-fuzz.js";
import { FuzzedHubs } from "./fuzz-target.js";

/** A long run: `ISTHMUS_FUZZ_PACKETS=10000000 npx vitest run packages/hub/test/fuzz.test.ts`. */
const PACKETS = Number(process.env["ISTHMUS_FUZZ_PACKETS"] ?? 20_000);
/** To repeat a run: `ISTHMUS_FUZZ_SEED=...`, as it was printed. */
const SEED = Number(process.env["ISTHMUS_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** Packets after which the event loop has its turn. */
const SLICE = 5000;

/** Slower than this is a hang. */
const MICROSECONDS_PER_PACKET = 500;

test(
  "a hub answers any bytes with packets, and goes on",
  async () => {
    const hubs = new FuzzedHubs();
    const total = new FuzzTally();
    let packets = 0;
    let connections = 0;
    for (let seed = SEED; packets < PACKETS; seed++) {
      // Most packets are as a good client sends them: the hub closes on the first that is not.
      const run = runFuzz((_version, tally) => hubs.open(tally), { seed, packets: SLICE, mutatedShare: 0.25 });
      packets += run.packets;
      connections += run.connections;
      total.add(run.tally);
      await new Promise((resolve) => setImmediate(resolve));
    }
    hubs.close();
    console.log(`seed ${SEED}: ${packets} mutated packets on ${connections} connections: ${total.toString()}`);
    // The run went deep: it was not all refused at the door.
    for (const outcome of ["publish out", "suback out", "unsuback out", "pubrec out", "pubcomp out", "pubrel out"]) {
      expect(total.of(outcome), outcome).toBeGreaterThan(packets / 1000);
    }
    for (const outcome of ["0x0", "0x1", "0x2", "0x81", "0x82", "0x8c", "0x94"]) {
      expect(total.of(outcome), outcome).toBeGreaterThan(0);
    }
  },
  20_000 + (PACKETS * MICROSECONDS_PER_PACKET) / 1000,
);
