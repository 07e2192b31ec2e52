import type { CapturedFrame } from "@isthmus/lowpan/capture";
import type { DissectedPacket, Dissection, Dissector, Field, Layer } from "@isthmus/lowpan/dissect";
import type { UdpDatagram } from "@isthmus/lowpan/wire";
import { viewPacket } from "../coap/packet-view.js";
import { hexDump } from "../coap/hex-dump.js";

/** Octets that stand beside a field's words on one line, and on all of its lines. */
const OCTETS_A_LINE = 8;
const MAX_OCTETS_SHOWN = 24;
const MAX_PAYLOAD_SHOWN = 128;
const COAP_PORTS = [5683, 61616, 61617, 61618, 61619];

/** Frames for people, in the order in which they came. */
export class FrameView {
  readonly #dissector: Dissector;
  #firstNs: bigint | undefined;

  constructor(dissector: Dissector) {
    this.#dissector = dissector;
  }

  /** @returns lines that end each in a line feed. */
  show(number: number, frame: CapturedFrame, timestampNs: bigint | undefined, isSummary: boolean): string {
    this.#firstNs ??= timestampNs;
    const ns = (timestampNs ?? 0n) - (this.#firstNs ?? 0n);
    const dissection = this.#dissector.dissect(Number(ns / 1_000_000n), frame.psdu, frame.hasFcs);
    const head = headOf(number, frame, timestampNs === undefined ? undefined : ns, dissection);
    return isSummary ? `${head}\n` : `${[head, ...bodyOf(frame, dissection)].join("\n")}\n\n`;
  }
}

function headOf(
  number: number,
  { psdu, rssDbm, lqi }: CapturedFrame,
  ns: bigint | undefined,
  dissection: Dissection,
): string {
  return [
    `#${number}`.padEnd(5),
    ...(ns === undefined ? [] : [`${(Number(ns / 1000n) / 1e6).toFixed(6)} s`]),
    `${psdu.length} octets`.padStart(10),
    ...(rssDbm === undefined ? [] : [`${rssDbm} dBm`]),
    ...(lqi === undefined ? [] : [`LQI ${lqi}`]),
    summaryOf(dissection),
  ].join("  ");
}

/** What the frame is about, in one line: addresses, and the highest layer that was understood. */
function summaryOf({ layers, packet, fragment, problem }: Dissection): string {
  const [mac] = layers;
  const between = (layer: Layer | undefined): string => {
    const [source, destination] = ["source", "destination"].map((name) => valueOf(layer, name));
    return destination === undefined ? (source ?? "") : `${source ?? "?"} > ${destination}`;
  };
  const part = fragment === undefined ? [] : [`fragment ${fragment.datagramTag}, octets from ${fragment.datagramOffset} of ${fragment.datagramSize}`]; // prettier-ignore
  const what =
    packet === undefined ? [mac?.name.replace("IEEE 802.15.4 ", "") ?? ""] : [between(packet.layers[0]), topOf(packet)];
  return [between(mac), ...part, ...what, ...(problem === undefined ? [] : [`(${problem})`])]
    .filter(Boolean)
    .join("  ");
}

function topOf({ layers, udp }: DissectedPacket): string {
  if (udp === undefined) return layers.at(-1)?.name ?? "";
  const [coap] = viewCoap(udp) ?? [];
  const ports = `UDP ${udp.sourcePort} > ${udp.destinationPort}`;
  return coap === undefined ? ports : `${ports}  ${coap}`;
}

function valueOf(layer: Layer | undefined, name: string): string | undefined {
  return layer?.fields.find((field) => field.name === name)?.value;
}

function bodyOf({ psdu }: CapturedFrame, dissection: Dissection): string[] {
  const { layers, packet, packetBytes, compression, fragment, problem } = dissection;
  const lines = layers.flatMap((layer) => viewLayer(layer, psdu));
  if (compression !== undefined) {
    const { before, after } = compression;
    lines.push(`  header compression: ${before} octets of headers as ${after}, ${before - after} saved`);
  }
  if (fragment !== undefined && packet === undefined && problem === undefined)
    lines.push("  the packet is not whole yet");
  if (packet !== undefined && packetBytes !== undefined) {
    const how = fragment === undefined ? "as it was before compression" : "put together from its fragments";
    lines.push(`  the packet, ${packetBytes.length} octets, ${how}:`);
    lines.push(...packet.layers.flatMap((layer) => viewLayer(layer, packetBytes)));
    if (packet.udp !== undefined) lines.push(...viewPayload(packet.udp));
  }
  if (problem !== undefined) lines.push(`  ! ${problem}`);
  return lines;
}

function viewLayer({ name, fields }: Layer, bytes: Uint8Array): string[] {
  const width = Math.max(0, ...fields.map((field) => field.name.length));
  let previous: Field | undefined;
  const lines = fields.flatMap((field) => {
    // What several fields are said by is shown once.
    const isSame = previous?.at === field.at && previous.end === field.end;
    previous = field;
    const [first = "", ...rest] = isSame ? [] : octetsOf(bytes, field);
    return [
      `${octetColumn(first)} ${field.name.padEnd(width)}  ${field.value}`,
      ...rest.map((row) => octetColumn(row).trimEnd()),
    ];
  });
  return [`  ${name}`, ...lines];
}

function octetColumn(octets: string): string {
  return `    ${octets.padEnd(OCTETS_A_LINE * 3)}`;
}

/** The octets of a field, in rows. */
function octetsOf(bytes: Uint8Array, { at, end }: Field): string[] {
  const rows: string[] = [];
  const shownEnd = Math.min(end, at + MAX_OCTETS_SHOWN);
  for (let rowAt = at; rowAt < shownEnd; rowAt += OCTETS_A_LINE) {
    const row = bytes.subarray(rowAt, Math.min(shownEnd, rowAt + OCTETS_A_LINE));
    rows.push([...row].map((octet) => octet.toString(16).padStart(2, "0")).join(" "));
  }
  if (end > shownEnd) rows.push(`and ${end - shownEnd} more`);
  return rows;
}

function viewPayload(udp: UdpDatagram): string[] {
  if (udp.payload.length === 0) return [];
  const lines = viewCoap(udp) ?? ["payload", ...hexDump(udp.payload, MAX_PAYLOAD_SHOWN).map((line) => `  ${line}`)];
  return lines.map((line) => `  ${line}`);
}

/** The lines of a CoAP message; undefined when the ports are others'. */
function viewCoap({ sourcePort, destinationPort, payload }: UdpDatagram): string[] | undefined {
  if (!COAP_PORTS.includes(sourcePort) && !COAP_PORTS.includes(destinationPort)) return undefined;
  const text = viewPacket("<", payload, { address: "", port: sourcePort }, "datagram");
  const [first = "", ...rest] = text.trimEnd().split("\n");
  // The direction and the port are said by the layers below.
  return [`CoAP ${first.replace(/^<\s\S+\s+/, "")}`, ...rest];
}
