import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { fromHex, toHex } from "@isthmus/bytes";
import { beforeAll, describe, expect, it } from "vitest";
import {
  ContextTable,
  decodeDatagram,
  decodeFragment,
  decodeFrame,
  encodeDatagram,
  encodeFrame,
  encodeMesh,
  encodeUdpPacket,
  formatAddress,
  frameCheckSequence,
  interfaceIdentifiers,
  linkLocalAddress,
  type MacFrame,
  macFrame,
  parseAddress,
  parseLinkAddress,
  shortAddress,
} from "../src/wire/index.js";
import { missing } from "./tshark.js";

/** Debian's, which has python3-scapy; another Python in the path may not have it. */
const PYTHON = "/usr/bin/python3";
const withoutScapy = missing(PYTHON, "-c", "import scapy.layers.sixlowpan");

/** scapy knows no contexts. */
const CONTEXTS = new ContextTable();

interface Dissected {
  readonly mac: Record<string, unknown>;
  readonly mesh?: Record<string, unknown>;
  readonly fragment?: Record<string, unknown>;
  readonly packet?: Record<string, unknown>;
}

interface Answer {
  readonly dissect: readonly Dissected[];
  readonly build: readonly { readonly frame: string; readonly packet: string }[];
}

function ask(frames: readonly MacFrame[]): Answer {
  const script = fileURLToPath(new URL("scapy-peer.py", import.meta.url));
  const input = JSON.stringify({ dissect: frames.map((frame) => toHex(encodeFrame(frame))) });
  const output = execFileSync(PYTHON, [script], { input, encoding: "utf8", maxBuffer: 1 << 26 });
  // The script next to this file answers in this form.
  return JSON.parse(output) as Answer;
}

const EXTENDED = [parseLinkAddress("02:00:00:00:12:34:00:01"), parseLinkAddress("fe:dc:ba:98:76:54:32:10")] as const;
const SHORT = [shortAddress(0x1234), shortAddress(0xabcd)] as const;

const MAC_FRAMES: readonly MacFrame[] = [EXTENDED, SHORT].flatMap((sources) =>
  [EXTENDED, SHORT].flatMap((destinations) =>
    [undefined, 0xbeef].flatMap((sourcePanId) =>
      [false, true].map((flag) =>
        macFrame({
          type: "data",
          version: flag ? 1 : 0,
          isAckRequested: flag,
          isFramePending: !flag,
          sequenceNumber: 200,
          destinationPanId: 0x23,
          destination: destinations[1],
          sourcePanId,
          source: sources[0],
          payload: fromHex("00"),
        }),
      ),
    ),
  ),
);

/**
 * Packets over short addresses: every traffic, hop limit and port form, each stateless address form. scapy 2.5 does not
 * turn IPHC's ECN and DSCP round: traffic classes that are the same either way; tshark sees to the others.
 */
const PACKETS = [
  ["fe80::ff:fe00:1234", "fe80::ff:fe00:abcd"],
  ["fe80::ff:fe00:1", "fe80::1:2:3:4"],
  ["2001:db8::1", "2001:db8::2"],
  ["::", "ff02::1"],
  ["fe80::ff:fe00:1234", "ff05::1:3"],
  ["fe80::ff:fe00:1234", "ff0e::12:3456:789a"],
  ["2001:db8::1", "ff3e:40:2001:db8::1"],
].flatMap(([source = "", destination = ""], i) =>
  [
    { trafficClass: 0, flowLabel: 0, hopLimit: 64, ports: [0xf0b1, 0xf0b2] },
    { trafficClass: 0x55, flowLabel: 0, hopLimit: 255, ports: [0xf012, 5683] },
    { trafficClass: 0xaa, flowLabel: 0, hopLimit: 1, ports: [5683, 0xf012] },
    { trafficClass: 0, flowLabel: 0x12345, hopLimit: 33, ports: [49152, 5683] },
    { trafficClass: 0xff, flowLabel: 0xfffff, hopLimit: 0, ports: [1, 2] },
  ].map(({ ports: [sourcePort = 0, destinationPort = 0], ...fields }) => ({
    fields: { ...fields, source: parseAddress(source), destination: parseAddress(destination) },
    datagram: { sourcePort, destinationPort, payload: new Uint8Array(5 + i).fill(i + 1) },
  })),
);

const shortData = (payload: Uint8Array): MacFrame =>
  macFrame({
    type: "data",
    sequenceNumber: 1,
    destinationPanId: 0x23,
    destination: SHORT[1],
    source: SHORT[0],
    payload,
  });

const IIDS = interfaceIdentifiers(SHORT[0], SHORT[1]);

const PACKET_FRAMES = PACKETS.map(({ fields, datagram }) => {
  const options = { maxPayload: 116, datagramTag: 0 };
  const [payload = new Uint8Array(0)] = encodeDatagram(encodeUdpPacket(fields, datagram), IIDS, CONTEXTS, options);
  return shortData(payload);
});

const FRAGMENTS = encodeDatagram(
  encodeUdpPacket(
    { hopLimit: 64, source: linkLocalAddress(SHORT[0]), destination: linkLocalAddress(SHORT[1]) },
    { sourcePort: 1, destinationPort: 2, payload: new Uint8Array(600) },
  ),
  IIDS,
  CONTEXTS,
  { maxPayload: 104, datagramTag: 0x1234 },
);

const MESHES = [SHORT, EXTENDED].map(([originator, finalDestination]) => ({
  hopsLeft: 5,
  originator,
  finalDestination,
}));
const MESH_FRAMES = MESHES.map((mesh) => shortData(Uint8Array.of(...encodeMesh(mesh), 0x41, 0x60)));

describe.skipIf(withoutScapy !== undefined)(`scapy ${withoutScapy ?? ""}`, () => {
  const frames = [...MAC_FRAMES, ...PACKET_FRAMES, ...FRAGMENTS.map((payload) => shortData(payload)), ...MESH_FRAMES];
  let answer: Answer = { dissect: [], build: [] };
  beforeAll(() => {
    answer = ask(frames);
  });
  const answersFrom = (start: number, count: number): readonly Dissected[] =>
    answer.dissect.slice(start, start + count);

  it("reads the MAC header of each addressing mode as it was meant", () => {
    for (const [i, { mac }] of answersFrom(0, MAC_FRAMES.length).entries()) {
      const frame = frames[i] ?? macFrame({ type: "data" });
      const psdu = encodeFrame(frame);
      expect(mac).toEqual({
        sequenceNumber: frame.sequenceNumber,
        isAckRequested: frame.isAckRequested,
        isFramePending: frame.isFramePending,
        version: frame.version,
        destinationPanId: frame.destinationPanId,
        destination: toHex(frame.destination ?? new Uint8Array(0)),
        sourcePanId: frame.sourcePanId ?? null,
        source: toHex(frame.source ?? new Uint8Array(0)),
        fcs: frameCheckSequence(psdu, 0, psdu.length - 2),
      });
    }
  });

  it("reads the same packet in each form of header compression", () => {
    for (const [i, { packet }] of answersFrom(MAC_FRAMES.length, PACKETS.length).entries()) {
      const { fields, datagram } = PACKETS[i] ?? PACKETS[0] ?? { fields: undefined, datagram: undefined };
      expect(packet, `packet ${i}`).toEqual({
        ...fields,
        source: formatAddress(fields?.source ?? new Uint8Array(16)),
        destination: formatAddress(fields?.destination ?? new Uint8Array(16)),
        sourcePort: datagram?.sourcePort,
        destinationPort: datagram?.destinationPort,
        payload: toHex(datagram?.payload ?? new Uint8Array(0)),
      });
    }
  });

  it("reads fragment and mesh headers", () => {
    const fragmentsAt = MAC_FRAMES.length + PACKETS.length;
    for (const [i, { fragment }] of answersFrom(fragmentsAt, FRAGMENTS.length).entries()) {
      const payload = FRAGMENTS[i] ?? new Uint8Array(0);
      expect(fragment).toEqual(decodeFragment(payload, 0, payload.length));
    }
    for (const [i, { mesh }] of answersFrom(fragmentsAt + FRAGMENTS.length, MESHES.length).entries()) {
      expect(mesh).toEqual({
        hopsLeft: 5,
        originator: toHex(MESHES[i]?.originator ?? new Uint8Array(0)),
        finalDestination: toHex(MESHES[i]?.finalDestination ?? new Uint8Array(0)),
      });
    }
  });

  it("makes frames in which the packet is that it put in: IPHC, HC1 and uncompressed", () => {
    expect(answer.build.length).toBeGreaterThan(20);
    for (const { frame, packet } of answer.build) {
      const { payload, source, destination } = decodeFrame(fromHex(frame));
      const iids = interfaceIdentifiers(source ?? SHORT[0], destination ?? SHORT[0]);
      expect(toHex(decodeDatagram(payload, 0, payload.length, iids, CONTEXTS))).toBe(packet);
    }
  });
});
