import { byteAt } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import type { Context, ContextTable } from "./context-table.js";
import {
  type AddressForm,
  contextOf,
  formBits,
  inlineLength,
  isUnspecifiedAt,
  multicastForm,
  readMulticast,
  readUnicast,
  unicastForm,
  UNSPECIFIED_FORM,
  writeInline,
} from "./iphc-address.js";

/**
 * LOWPAN_IPHC (RFC 6282 3.1), the compressed IPv6 header:
 *
 * ```text
 *   0                                       1
 *   0   1   2   3   4   5   6   7   8   9   0   1   2   3   4   5
 * +---+---+---+---+---+---+---+---+---+---+---+---+---+---+---+---+
 * | 0 | 1 | 1 |  TF   |NH | HLIM  |CID|SAC|  SAM  | M |DAC|  DAM  |
 * +---+---+---+---+---+---+---+---+---+---+---+---+---+---+---+---+
 * ```
 *
 * then, each only when the bits above say so: the context identifiers (source, destination: 4 bits each), traffic
 * class and flow label, next header, hop limit, source, destination.
 */
export const IPHC_PATTERN = 0x60;
const NEXT_HEADER_COMPRESSED = 0x04;
const CONTEXT_IDENTIFIERS = 0x80;
const MULTICAST_DESTINATION = 0x08;
const STATEFUL_SOURCE_MODE = 0x70;

/** Hop limits that the HLIM bits 1, 2, 3 stand for. */
const HOP_LIMITS = [0, 1, 64, 255] as const;

/** Whether the header at `at` says that LOWPAN_NHC follows. */
export function isNextHeaderCompressed(bytes: Uint8Array, at: number): boolean {
  return (byteAt(bytes, at) & NEXT_HEADER_COMPRESSED) !== 0;
}

/**
 * Writes the smallest IPHC form of the IPv6 header at `at`; returns where it ends in `out`.
 *
 * @param iids the interface identifiers that the layer below implies: source in octets 0 to 7, destination in 8 to 15.
 */
export function compressIpv6(
  packet: Uint8Array,
  at: number,
  hasCompressedNext: boolean,
  iids: Uint8Array,
  contexts: ContextTable,
  out: Uint8Array,
  outAt: number,
): number {
  const { source, destination } = addressForms(packet, at, iids, contexts.forCompression);
  const hasContexts = contextOf(source) !== 0 || contextOf(destination) !== 0;
  const hopLimit = byteAt(packet, at + 7);
  const hopLimitBits = hopLimit === 255 ? 3 : hopLimit === 64 ? 2 : hopLimit === 1 ? 1 : 0;
  const trafficBits = trafficForm(packet, at);
  out[outAt] = IPHC_PATTERN | (trafficBits << 3) | (hasCompressedNext ? NEXT_HEADER_COMPRESSED : 0) | hopLimitBits;
  out[outAt + 1] = (hasContexts ? CONTEXT_IDENTIFIERS : 0) | (formBits(source) << 4) | formBits(destination);
  let next = outAt + 2;
  if (hasContexts) out[next++] = (contextOf(source) << 4) | contextOf(destination);
  next = writeTraffic(packet, at, trafficBits, out, next);
  if (!hasCompressedNext) out[next++] = byteAt(packet, at + 6);
  if (hopLimitBits === 0) out[next++] = hopLimit;
  next = writeInline(packet, at + 8, source, out, next);
  return writeInline(packet, at + 24, destination, out, next);
}

/**
 * Writes the 40 octets of the IPv6 header that IPHC at `at` stands for, its payload length zero, and its next header
 * zero when that is compressed too; returns where IPHC ends in `bytes`.
 *
 * @throws WireError.
 */
export function decompressIpv6(
  bytes: Uint8Array,
  at: number,
  end: number,
  iids: Uint8Array,
  contexts: ContextTable,
  out: Uint8Array,
  outAt: number,
): number {
  requireBytes(at, 2, end, "IPHC");
  const first = byteAt(bytes, at);
  const second = byteAt(bytes, at + 1);
  if ((first & 0xe0) !== IPHC_PATTERN) throw new WireError("dispatch", "not an IPHC header");
  let next = at + 2;
  let contextIds = 0;
  if ((second & CONTEXT_IDENTIFIERS) !== 0) {
    requireBytes(next, 1, end, "the context identifiers");
    contextIds = byteAt(bytes, next++);
  }
  next = readTraffic(bytes, next, end, (first >>> 3) & 3, out, outAt);
  out[outAt + 4] = 0;
  out[outAt + 5] = 0;
  const isNextInline = (first & NEXT_HEADER_COMPRESSED) === 0;
  const hopLimitBits = first & 3;
  requireBytes(next, (isNextInline ? 1 : 0) + (hopLimitBits === 0 ? 1 : 0), end, "next header and hop limit");
  out[outAt + 6] = isNextInline ? byteAt(bytes, next++) : 0;
  // Two bits index a table of four.
  out[outAt + 7] = hopLimitBits === 0 ? byteAt(bytes, next++) : (HOP_LIMITS[hopLimitBits] as number);
  if ((second & STATEFUL_SOURCE_MODE) === UNSPECIFIED_FORM << 4) {
    out.fill(0, outAt + 8, outAt + 24);
  } else {
    next = readUnicast(bytes, next, end, second >>> 4, contextIds >>> 4, contexts, iids, 0, out, outAt + 8);
  }
  return (second & MULTICAST_DESTINATION) === 0
    ? readUnicast(bytes, next, end, second, contextIds & 0xf, contexts, iids, 8, out, outAt + 24)
    : readMulticast(bytes, next, end, second, contextIds & 0xf, contexts, out, outAt + 24);
}

/** The forms of both addresses that are the smallest together: any context but 0 costs an octet for both. */
function addressForms(
  packet: Uint8Array,
  at: number,
  iids: Uint8Array,
  contexts: readonly Context[],
): { source: AddressForm; destination: AddressForm } {
  const source = sourceForm(packet, at + 8, iids, contexts);
  const destination = destinationForm(packet, at + 24, iids, contexts);
  if (contextOf(source) === 0 && contextOf(destination) === 0) return { source, destination };
  const withoutOctet = contexts.filter(({ id }) => id === 0);
  const source0 = sourceForm(packet, at + 8, iids, withoutOctet);
  const destination0 = destinationForm(packet, at + 24, iids, withoutOctet);
  const length = inlineLength(source) + inlineLength(destination) + 1;
  return inlineLength(source0) + inlineLength(destination0) <= length
    ? { source: source0, destination: destination0 }
    : { source, destination };
}

function sourceForm(packet: Uint8Array, at: number, iids: Uint8Array, contexts: readonly Context[]): AddressForm {
  return isUnspecifiedAt(packet, at) ? UNSPECIFIED_FORM : unicastForm(packet, at, iids, 0, contexts);
}

function destinationForm(packet: Uint8Array, at: number, iids: Uint8Array, contexts: readonly Context[]): AddressForm {
  return packet[at] === 0xff ? multicastForm(packet, at, contexts) : unicastForm(packet, at, iids, 8, contexts);
}

/**
 * The TF bits (RFC 6282 3.1.1): 0 all four octets, 1 without DSCP, 2 without flow label, 3 nothing.
 */
function trafficForm(packet: Uint8Array, at: number): 0 | 1 | 2 | 3 {
  const trafficClass = ((byteAt(packet, at) & 0xf) << 4) | (byteAt(packet, at + 1) >>> 4);
  const hasFlow = (byteAt(packet, at + 1) & 0xf) !== 0 || packet[at + 2] !== 0 || packet[at + 3] !== 0;
  if (hasFlow) return trafficClass >>> 2 === 0 ? 1 : 0;
  return trafficClass === 0 ? 3 : 2;
}

/** IPHC puts the two ECN bits before the six DSCP bits; IPv6 has them behind. */
function writeTraffic(packet: Uint8Array, at: number, form: number, out: Uint8Array, outAt: number): number {
  if (form === 3) return outAt;
  const trafficClass = ((byteAt(packet, at) & 0xf) << 4) | (byteAt(packet, at + 1) >>> 4);
  const ecn = (trafficClass & 3) << 6;
  if (form !== 1) out[outAt++] = ecn | (trafficClass >>> 2);
  if (form === 2) return outAt;
  out[outAt++] = (form === 1 ? ecn : 0) | (byteAt(packet, at + 1) & 0xf);
  out[outAt++] = byteAt(packet, at + 2);
  out[outAt++] = byteAt(packet, at + 3);
  return outAt;
}

function readTraffic(bytes: Uint8Array, at: number, end: number, form: number, out: Uint8Array, outAt: number): number {
  const length = form === 3 ? 0 : form === 2 ? 1 : form === 1 ? 3 : 4;
  requireBytes(at, length, end, "traffic class and flow label");
  const first = length === 0 ? 0 : byteAt(bytes, at);
  const trafficClass = form === 1 ? first >>> 6 : ((first << 2) & 0xfc) | (first >>> 6);
  const hasFlow = form < 2;
  const flowAt = at + length - 3;
  out[outAt] = 0x60 | (trafficClass >>> 4);
  out[outAt + 1] = ((trafficClass & 0xf) << 4) | (hasFlow ? byteAt(bytes, flowAt) & 0xf : 0);
  out[outAt + 2] = hasFlow ? byteAt(bytes, flowAt + 1) : 0;
  out[outAt + 3] = hasFlow ? byteAt(bytes, flowAt + 2) : 0;
  return at + length;
}
