import { equalBytes, toHex } from "@isthmus/bytes";
import { SeededRandom } from "@isthmus/machine";
import { describe, expect, it } from "vitest";
import { nodeCcmStar } from "../src/ccm-star-node.js";
import { decodeZep } from "../src/links/index.js";
import {
  ContextTable,
  decodeBeacon,
  decodeCommand,
  decodeFrame,
  decodeIpv6,
  decodeMesh,
  decodePayloadIes,
  decodeUdp,
  decompressDatagram,
  dispatchOf,
  encodeFrame,
  hasValidFcs,
  interfaceIdentifiers,
  MAX_UNFRAGMENTED_LENGTH,
  type MacFrame,
  openFrame,
  parseAddress,
  Reassembler,
  shortAddress,
  WireError,
  type WireErrorCode,
} from "../src/wire/index.js";
import { CAPTURES, capturedFrames } from "./captures.js";

/**
 * Mutated frames through all that reads frames. `ISTHMUS_FUZZ_PACKETS=10000000` makes the run long,
 * `ISTHMUS_FUZZ_SEED` repeats one.
 */
const PACKETS = Number(process.env["ISTHMUS_FUZZ_PACKETS"] ?? 60_000);
const SEED = Number(process.env["ISTHMUS_FUZZ_SEED"] ?? Date.now() % 0x1_0000_0000);
const FRAMES_PER_SECOND = 30_000;

const KEY = new Uint8Array(16);
const NO_ADDRESS = shortAddress(0);

/** Everything that a receiver does with a frame before anyone has looked at it. */
class Receiver {
  readonly contexts = new ContextTable();
  readonly reassembler = new Reassembler(this.contexts, { timeoutMs: 2000 });
  readonly countByCode = new Map<WireErrorCode, number>();
  packets = 0;
  readonly #scratch = new Uint8Array(MAX_UNFRAGMENTED_LENGTH);

  constructor() {
    this.contexts.set({ id: 0, prefix: parseAddress("2001:db8:1::"), length: 64 });
    this.contexts.set({ id: 3, prefix: parseAddress("2001:db8::"), length: 100 });
  }

  receive(now: number, psdu: Uint8Array): void {
    this.#attempt(() => {
      const frame = decodeFrame(psdu, { fcs: "unchecked" });
      // What was understood can be said again: octet by octet it need not be, reserved bits are dropped.
      requireSameFrame(decodeFrame(encodeFrame(frame)), frame);
      this.#readBody(now, frame);
    });
    this.#attempt(() => decodeZep(psdu));
    this.reassembler.handleTimeout(now);
  }

  #readBody(now: number, frame: MacFrame): void {
    const { payload } = frame;
    if (frame.security !== undefined) this.#attempt(() => openFrame(frame, KEY.subarray(0, 8), KEY, nodeCcmStar));
    if (frame.hasPayloadIes) this.#attempt(() => decodePayloadIes(payload));
    if (frame.type === "beacon") this.#attempt(() => decodeBeacon(payload));
    if (frame.type === "command") this.#attempt(() => decodeCommand(payload));
    this.#attempt(() => decodeMesh(payload, 0, payload.length));
    this.#attempt(() => this.#readPacket(now, frame));
  }

  #readPacket(now: number, { payload, source = NO_ADDRESS, destination = NO_ADDRESS }: MacFrame): void {
    const end = payload.length;
    if (end > 0 && dispatchOf(payload[0] ?? 0).endsWith("fragment")) {
      const whole = this.reassembler.receive(now, source, destination, payload, 0, end);
      if (whole !== undefined) this.#readIpv6(whole);
      return;
    }
    const iids = interfaceIdentifiers(source, destination);
    const length = decompressDatagram(payload, 0, end, iids, this.contexts, this.#scratch);
    this.#readIpv6(this.#scratch.subarray(0, length));
  }

  #readIpv6(packet: Uint8Array): void {
    decodeIpv6(packet);
    this.packets++;
    this.#attempt(() => decodeUdp(packet, 40, packet.length));
  }

  #attempt(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.countByCode.set(error.code, (this.countByCode.get(error.code) ?? 0) + 1);
    }
  }
}

function requireSameFrame(again: MacFrame, frame: MacFrame): void {
  const isSame = equalBytes(encodeFrame(again), encodeFrame(frame)) && equalBytes(again.payload, frame.payload);
  if (!isSame) throw new Error("a frame changed on the way through");
}

function mutate(random: SeededRandom, frame: Uint8Array, other: Uint8Array): Uint8Array {
  const mutated = frame.slice();
  const at = random.nextInteger(0, frame.length - 1);
  switch (random.nextInteger(0, 5)) {
    case 0:
      mutated[at] = (mutated[at] ?? 0) ^ (1 << random.nextInteger(0, 7));
      return mutated;
    case 1:
      mutated[at] = random.nextInteger(0, 255);
      mutated[random.nextInteger(0, frame.length - 1)] = random.nextInteger(0, 255);
      return mutated;
    case 2:
      return mutated.subarray(0, at);
    case 3:
      return Uint8Array.of(
        ...mutated.subarray(0, at),
        ...random.bytes(random.nextInteger(1, 8)),
        ...mutated.subarray(at),
      );
    case 4:
      return Uint8Array.of(...mutated.subarray(0, at), ...other.subarray(at));
    default:
      return random.bytes(random.nextInteger(0, 127));
  }
}

describe("mutated frames", () => {
  it(
    `${PACKETS} of them (seed ${SEED}) crash nothing, and nothing grows`,
    () => {
      const random = new SeededRandom(SEED);
      // Each different frame once: most of what was recorded are acknowledgements and the middles of long pings.
      const captured = CAPTURES.flatMap(({ name }) => capturedFrames(name).map(({ psdu }) => psdu));
      const unlike = new Map(captured.map((psdu) => [`${psdu.length}/${toHex(psdu.subarray(-20))}`, psdu]));
      const frames = [...unlike.values()].filter(({ length }) => length > 5);
      const receiver = new Receiver();
      for (let now = 0; now < PACKETS; now++) {
        const psdu = mutate(random, random.pick(frames), random.pick(frames));
        // In between, the recorded exchange goes on undamaged, so that there is something to be disturbed.
        receiver.receive(now, captured[now % captured.length] ?? psdu);
        try {
          receiver.receive(now, psdu);
        } catch (cause) {
          throw new Error(`seed ${SEED}, packet ${now}: ${Buffer.from(psdu).toString("hex")}`, { cause });
        }
        if (receiver.reassembler.size > 16) throw new Error("the reassembler holds more than it may");
      }
      receiver.reassembler.handleTimeout(Number.POSITIVE_INFINITY);
      expect(receiver.reassembler.size).toBe(0);
      // The run reached what it was meant to reach.
      expect(receiver.packets).toBeGreaterThan(PACKETS / 4);
      expect(receiver.reassembler.counters.completed).toBeGreaterThan(0);
      const reached: WireErrorCode[] = ["truncated", "frame-type", "addressing", "dispatch", "context", "fragment"];
      for (const code of reached) expect(receiver.countByCode.get(code) ?? 0, code).toBeGreaterThan(0);
      if (PACKETS > 1_000_000) console.log(receiver.packets, receiver.countByCode, receiver.reassembler.counters);
    },
    20_000 + (PACKETS / FRAMES_PER_SECOND) * 1000 * 4,
  );

  it("are noticed by the check sequence, but for one in 65,536", () => {
    const random = new SeededRandom(SEED);
    const frames = capturedFrames("border-router-and-riot-195").map(({ psdu }) => psdu);
    let valid = 0;
    for (let i = 0; i < 20_000; i++) {
      const psdu = random.pick(frames).slice();
      psdu[random.nextInteger(0, psdu.length - 1)] = random.nextInteger(0, 255);
      psdu[random.nextInteger(0, psdu.length - 1)] = random.nextInteger(0, 255);
      if (hasValidFcs(psdu) && !frames.some((frame) => Buffer.compare(frame, psdu) === 0)) valid++;
    }
    expect(valid).toBeLessThan(10);
  });
});
