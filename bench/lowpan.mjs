// What 6LoWPAN costs: npm run build && node --expose-gc bench/lowpan.mjs
import { SeededRandom } from "@isthmus/machine";
import {
  addressOnPrefix,
  compressDatagram,
  ContextTable,
  decodeFrame,
  decompressDatagram,
  encodeDatagram,
  encodeFrame,
  encodeUdpPacket,
  interfaceIdentifiers,
  linkLocalAddress,
  LowpanNode,
  MAX_UNFRAGMENTED_LENGTH,
  macFrame,
  parseAddress,
  parseLinkAddress,
  Simulation,
  unitDisk,
} from "@isthmus/lowpan";

const [source, destination] = ["02:00:00:00:12:34:00:01", "02:00:00:00:12:34:00:ff"].map(parseLinkAddress);
const PREFIX = parseAddress("2001:db8:1::");
const iids = interfaceIdentifiers(source, destination);
const contexts = new ContextTable();
contexts.set({ id: 0, prefix: PREFIX, length: 64 });

/** Runs `step` for about `ms`, and says how often it went a second and what it left on the heap each time. */
function measure(name, step, ms = 1500) {
  for (let i = 0; i < 20_000; i++) step();
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 20_000; i++) step();
  const bytes = (process.memoryUsage().heapUsed - before) / 20_000;
  let count = 0;
  const startedAt = performance.now();
  while (performance.now() - startedAt < ms) for (let i = 0; i < 1000; i++, count++) step();
  const perSecond = count / ((performance.now() - startedAt) / 1000);
  console.log(
    `| ${name.padEnd(58)} | ${(perSecond / 1e6).toFixed(2).padStart(9)} | ${Math.max(0, bytes).toFixed(0).padStart(9)} |`,
  );
}

const payload = new Uint8Array(24).fill(0x61);
const global = encodeUdpPacket(
  { source: addressOnPrefix(PREFIX, source), destination: addressOnPrefix(PREFIX, destination), hopLimit: 64 },
  { sourcePort: 5683, destinationPort: 5683, payload },
);
const local = encodeUdpPacket(
  { source: linkLocalAddress(source), destination: linkLocalAddress(destination), hopLimit: 64 },
  { sourcePort: 61617, destinationPort: 61618, payload },
);

console.log(`Node ${process.version}, one core\n\n| what | million/s | heap bytes each |\n| --- | ---: | ---: |`);
const forms = [
  { name: "link-local, ports 0xf0bx", packet: local },
  { name: "context 0, port 5683", packet: global },
];
for (const { name, packet } of forms) {
  const compressed = new Uint8Array(packet.length + 16);
  const length = compressDatagram(packet, iids, contexts, compressed);
  const out = new Uint8Array(MAX_UNFRAGMENTED_LENGTH);
  measure(`compress IPv6+UDP, ${name}: 48 to ${length - payload.length} octets`, () =>
    compressDatagram(packet, iids, contexts, compressed),
  );
  measure(`decompress it`, () => decompressDatagram(compressed, 0, length, iids, contexts, out));
}
const scratch = new Uint8Array(200);
const length = compressDatagram(global, iids, contexts, scratch);
const frame = macFrame({
  type: "data",
  sequenceNumber: 7,
  destinationPanId: 0x23,
  destination,
  source,
  payload: scratch.slice(0, length),
});
const psdu = encodeFrame(frame);
measure(`encode a MAC frame of ${psdu.length} octets, check sequence made`, () => encodeFrame(frame));
measure(`decode it, check sequence checked`, () => decodeFrame(psdu));

console.log(
  "\n| CoAP octets in one datagram | frames, extended addresses | octets on the air |\n| ---: | ---: | ---: |",
);
// 127 octets less MAC header and check sequence.
const maxPayload = 127 - 21 - 2;
for (const size of [16, 64, 85, 95, 96, 128, 256, 512, 1024, 1232]) {
  const packet = encodeUdpPacket(
    { source: addressOnPrefix(PREFIX, source), destination: addressOnPrefix(PREFIX, destination), hopLimit: 64 },
    { sourcePort: 49152, destinationPort: 5683, payload: new Uint8Array(size) },
  );
  const frames = encodeDatagram(packet, iids, contexts, { maxPayload, datagramTag: 1 });
  const air = frames.reduce((sum, each) => sum + each.length + 23, 0);
  console.log(`| ${String(size).padStart(27)} | ${String(frames.length).padStart(26)} | ${String(air).padStart(17)} |`);
}

console.log(
  "\n| nodes | of them joined | simulated s | real s | simulated s a second | frames |\n| ---: | ---: | ---: | ---: | ---: | ---: |",
);
for (const side of [4, 10, 32]) simulate(side, side === 32 ? 120 : 600);

/** A square of routers 8 m apart, each in reach of its neighbours, with the border router in the middle. */
function simulate(side, seconds) {
  const simulation = new Simulation({ seed: 1, propagation: unitDisk({ rangeMetres: 12, loss: 0.05 }) });
  const nodes = Array.from({ length: side * side }, (_, index) => {
    const isRoot = index === Math.floor((side * side + side) / 2);
    const node = simulation.add({
      position: { x: (index % side) * 8, y: Math.floor(index / side) * 8 },
      build: (radio) =>
        new LowpanNode({
          radio,
          random: new SeededRandom(index + 1),
          address: Uint8Array.of(2, 0, 0, 0, 0, 0, index >>> 8, index & 0xff),
          role: isRoot ? "border-router" : "router",
          ...(isRoot && { borderRouter: { prefix: PREFIX } }),
        }),
    });
    simulation.at(index * 10, () => node.act((machine, now) => machine.start(now)));
    return node;
  });
  const startedAt = performance.now();
  simulation.runFor(seconds * 1000);
  const realSeconds = (performance.now() - startedAt) / 1000;
  const joined = nodes.filter(({ machine }) => machine.addresses.length > 0).length;
  console.log(
    `| ${String(nodes.length).padStart(5)} | ${String(joined).padStart(14)} | ${String(seconds).padStart(11)} | ${realSeconds.toFixed(1).padStart(6)} | ` +
      `${(seconds / realSeconds).toFixed(1).padStart(20)} | ${String(simulation.medium.counters.transmissions).padStart(6)} |`,
  );
}
