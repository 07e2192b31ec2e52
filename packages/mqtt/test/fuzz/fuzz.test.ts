import { expect, test } from "vitest";

import { CodecTarget } from "./codec-target.js";
import { runFuzz } from "./run-fuzz.js";

/** A long run: `ISTHMUS_FUZZ_PACKETS=10000000 npx vitest run packages/mqtt/test/fuzz`. */
const PACKETS = Number(process.env["ISTHMUS_FUZZ_PACKETS"] ?? 200_000);
/** To repeat a run: `ISTHMUS_FUZZ_SEED=...`, as it was printed. */
const SEED = Number(process.env["ISTHMUS_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

/** Slower than this is a hang. */
const MICROSECONDS_PER_PACKET = 500;

test(
  "framer and codec answer any bytes with packets or a typed error",
  () => {
    const { packets, connections, tally } = runFuzz((version, tally) => new CodecTarget(version, tally), {
      seed: SEED,
      packets: PACKETS,
    });
    console.log(`seed ${SEED}: ${packets} mutated packets on ${connections} connections: ${tally.toString()}`);
    // The run went deep: it was not all refused at the door.
    for (const outcome of ["connect", "publish", "subscribe", "disconnect", "auth"]) {
      expect(tally.of(outcome), outcome).toBeGreaterThan(packets / 1000);
    }
    for (const outcome of [
      "malformedPacket",
      "protocolError",
      "topicNameInvalid",
      "packetTooLarge",
      "topicAliasInvalid",
    ]) {
      expect(tally.of(outcome), outcome).toBeGreaterThan(packets / 100_000);
    }
  },
  10_000 + (PACKETS * MICROSECONDS_PER_PACKET) / 1000,
);
