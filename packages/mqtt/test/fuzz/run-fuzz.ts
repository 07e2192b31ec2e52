import { concatBytes, toHex } from "@isthmus/bytes";
import { SeededRandom } from "@isthmus/machine";

import type { ProtocolVersion } from "../../src/codec/packets.js";
import { caseFrames, connectFrames } from "../codec/packet-cases.js";
import { FuzzTally, type FuzzTarget, type OpenFuzzTarget } from "./fuzz-target.js";
import { mutate } from "./mutate.js";

/** What a run is made of; the same options give the same run. */
export interface FuzzOptions {
  readonly seed: number;
  /** Mutated packets to deliver, over as many connections as that takes. */
  readonly packets: number;
  /**
   * The share of packets that are mutated, from 0 to 1; default 0.6. The others are as a good peer sends them: a target
   * that closes on the first error gets further with a smaller share.
   */
  readonly mutatedShare?: number;
}

/** What a run did. */
export interface FuzzResult {
  /** Mutated packets that were delivered before their connection was closed. */
  readonly packets: number;
  readonly connections: number;
  readonly tally: FuzzTally;
}

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];

/** Packets of a connection, after its CONNECT. */
const MAXIMUM_PACKETS = 8;

const MUTATED_CONNECT_SHARE = 0.2;

interface Frame {
  readonly bytes: Uint8Array;
  readonly isMutated: boolean;
}

/**
 * Sends packets of the case table, many of them mutated, in chunks of any size over connections that `open` accepts.
 *
 * @throws Error when a target throws: it tells the seed and the bytes of that connection, and has the `cause`.
 */
export function runFuzz(open: OpenFuzzTarget, { seed, packets, mutatedShare = 0.6 }: FuzzOptions): FuzzResult {
  const random = new SeededRandom(seed);
  const tally = new FuzzTally();
  let delivered = 0;
  let connections = 0;
  while (delivered < packets) {
    const version = random.pick(VERSIONS);
    const frames = drawFrames(version, mutatedShare, random);
    const stream = concatBytes(frames.map(({ bytes }) => bytes));
    try {
      delivered += mutatedWithin(frames, runConnection(open(version, tally), stream, random));
    } catch (cause) {
      throw new Error(`seed ${seed}, connection ${connections} of version ${version}: ${toHex(stream)}`, { cause });
    }
    connections++;
  }
  return { packets: delivered, connections, tally };
}

const FRAMES: Readonly<Record<ProtocolVersion, readonly Uint8Array[]>> = {
  3: caseFrames(3),
  4: caseFrames(4),
  5: caseFrames(5),
};

const CONNECTS: Readonly<Record<ProtocolVersion, readonly Uint8Array[]>> = {
  3: connectFrames(3),
  4: connectFrames(4),
  5: connectFrames(5),
};

function drawFrames(version: ProtocolVersion, mutatedShare: number, random: SeededRandom): Frame[] {
  const corpus = FRAMES[version];
  const draw = (bytes: Uint8Array, share: number): Frame => {
    const isMutated = random.chance(share);
    return { isMutated, bytes: isMutated ? withLength(mutate(bytes, random, corpus), random) : bytes };
  };
  const frames = [draw(random.pick(CONNECTS[version]), MUTATED_CONNECT_SHARE)];
  const count = random.nextInteger(1, MAXIMUM_PACKETS);
  while (frames.length <= count) frames.push(draw(random.pick(corpus), mutatedShare));
  return frames;
}

/** Sets the Remaining Length right again, mostly: or else few mutations would get beyond the framer. */
function withLength(frame: Uint8Array, random: SeededRandom): Uint8Array {
  if (frame.length < 2 || frame.length > 0x7f || random.chance(0.05)) return frame;
  frame[1] = frame.length - 2;
  return frame;
}

/** Plays `stream` to its end or until the target closes; returns how many bytes of it the target took. */
function runConnection(target: FuzzTarget, stream: Uint8Array, random: SeededRandom): number {
  const isWhole = random.chance(0.5);
  let start = 0;
  let isOpen = true;
  while (isOpen && start < stream.length) {
    const end = isWhole ? stream.length : Math.min(stream.length, start + random.nextInteger(1, 40));
    isOpen = target.receive(stream.slice(start, end));
    start = end;
  }
  target.close();
  return start;
}

function mutatedWithin(frames: readonly Frame[], size: number): number {
  let end = 0;
  return frames.filter(({ bytes, isMutated }) => (end += bytes.length) <= size && isMutated).length;
}
