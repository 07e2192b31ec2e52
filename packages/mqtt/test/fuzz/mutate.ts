import type { SeededRandom } from "@isthmus/machine";

/** Values at the edges of MQTT's fields, and the wildcards. */
const EDGES = [0x00, 0x01, 0x02, 0x04, 0x23, 0x2b, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff];

/** The most bytes that a mutation takes from elsewhere or invents. */
const MAXIMUM_SPLICE = 24;

type Mutation = (bytes: Uint8Array, random: SeededRandom, corpus: readonly Uint8Array[]) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  setEdge,
  setEdge,
  setByte,
  addToByte,
  remove,
  insertInvented,
  insertFromCorpus,
  repeat,
  truncate,
  swapBytes,
];

/** `bytes` with one to four changes, drawn from `random`; `corpus` lends bytes. The input is left as it is. */
export function mutate(bytes: Uint8Array, random: SeededRandom, corpus: readonly Uint8Array[]): Uint8Array {
  let mutated: Uint8Array = bytes.slice();
  const changes = random.nextInteger(1, 4);
  for (let i = 0; i < changes && mutated.length > 0; i++) mutated = random.pick(MUTATIONS)(mutated, random, corpus);
  return mutated;
}

function flipBit(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const at = position(bytes, random);
  return withByte(bytes, at, (bytes[at] ?? 0) ^ (1 << random.nextInteger(0, 7)));
}

function setEdge(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  return withByte(bytes, position(bytes, random), random.pick(EDGES));
}

function setByte(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  return withByte(bytes, position(bytes, random), random.nextInteger(0, 255));
}

/** Lengths that are off by a little. */
function addToByte(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const at = position(bytes, random);
  return withByte(bytes, at, (bytes[at] ?? 0) + random.nextInteger(-3, 3));
}

function remove(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const [start, end] = span(bytes, random);
  return splice(bytes, start, end, EMPTY);
}

function insertInvented(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const at = position(bytes, random);
  return splice(bytes, at, at, random.bytes(random.nextInteger(1, MAXIMUM_SPLICE)));
}

function insertFromCorpus(bytes: Uint8Array, random: SeededRandom, corpus: readonly Uint8Array[]): Uint8Array {
  const source = random.pick(corpus);
  const [start, end] = span(source, random);
  const at = position(bytes, random);
  return splice(bytes, at, at, source.subarray(start, end));
}

/** Twice the same: a property, a filter, a whole field. */
function repeat(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const [start, end] = span(bytes, random);
  return splice(bytes, end, end, bytes.slice(start, end));
}

function truncate(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  return bytes.slice(0, position(bytes, random));
}

function swapBytes(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const a = position(bytes, random);
  const b = position(bytes, random);
  return withByte(withByte(bytes, a, bytes[b] ?? 0), b, bytes[a] ?? 0);
}

const EMPTY = new Uint8Array(0);

function position(bytes: Uint8Array, random: SeededRandom): number {
  return random.nextInteger(0, bytes.length - 1);
}

function span(bytes: Uint8Array, random: SeededRandom): [start: number, end: number] {
  const start = position(bytes, random);
  return [start, Math.min(bytes.length, start + random.nextInteger(1, MAXIMUM_SPLICE))];
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = value;
  return changed;
}

function splice(bytes: Uint8Array, start: number, end: number, inserted: Uint8Array): Uint8Array {
  const spliced = new Uint8Array(bytes.length - (end - start) + inserted.length);
  spliced.set(bytes.subarray(0, start));
  spliced.set(inserted, start);
  spliced.set(bytes.subarray(end), start + inserted.length);
  return spliced;
}
