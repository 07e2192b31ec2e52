import { byteAt } from "@isthmus/bytes";
import { requireBytes, WireError } from "../wire-error.js";
import type { Context, ContextTable } from "./context-table.js";

/**
 * How IPHC writes one address, as a number of which the smaller is the better: fewest octets, then the lowest
 * context, then stateless before stateful.
 *
 * ```text
 *  16 .. 8           7 .. 4      3     2          1 0
 * +-----------------+-----------+---+----------+------+
 * | Octets in-line  | Context   | M | Stateful | Mode |
 * +-----------------+-----------+---+----------+------+
 * ```
 *
 * The low four bits stand in this order in the second octet of IPHC too.
 */
export type AddressForm = number;

const STATEFUL = 0x4;
const MULTICAST = 0x8;

/** Octets in-line of the modes 0 to 3 (RFC 6282 3.1.1), unicast and multicast. */
const UNICAST_INLINE = [16, 8, 2, 0] as const;
const MULTICAST_INLINE = [16, 6, 4, 1] as const;
const PREFIX_MULTICAST_INLINE = 6;

/** Octets that the form carries in-line. */
export function inlineLength(form: AddressForm): number {
  return form >>> 8;
}

/** The context that the form takes its prefix from; 0 when it takes none. */
export function contextOf(form: AddressForm): number {
  return (form >>> 4) & 0xf;
}

/** M, SAC or DAC, and the mode, as in the second octet of IPHC. */
export function formBits(form: AddressForm): number {
  return form & 0xf;
}

/**
 * The smallest form of the unicast address at `at`.
 *
 * @param iids holds at `iidAt` the interface identifier that the layer below implies.
 */
export function unicastForm(
  packet: Uint8Array,
  at: number,
  iids: Uint8Array,
  iidAt: number,
  contexts: readonly Context[],
): AddressForm {
  let best = UNICAST_INLINE[0] << 8;
  if (isPlainLinkLocal(packet, at)) {
    const mode = identifierMode(packet, at, iids, iidAt, 64);
    best = (UNICAST_INLINE[mode] << 8) | mode;
  }
  for (const context of contexts) {
    if (!beginsWithContext(packet, at, context)) continue;
    const mode = identifierMode(packet, at, iids, iidAt, context.length);
    const form = (UNICAST_INLINE[mode] << 8) | (context.id << 4) | STATEFUL | mode;
    if (form < best) best = form;
  }
  return best;
}

/** The form of a source address that is all zeros: stateful, mode 0, nothing in-line. */
export const UNSPECIFIED_FORM: AddressForm = STATEFUL;

export function isUnspecifiedAt(packet: Uint8Array, at: number): boolean {
  return areZero(packet, at, at + 16);
}

/** The smallest form of the multicast address at `at`. */
export function multicastForm(packet: Uint8Array, at: number, contexts: readonly Context[]): AddressForm {
  const mode = statelessMulticastMode(packet, at);
  const best = (MULTICAST_INLINE[mode] << 8) | MULTICAST | mode;
  if (inlineLength(best) <= PREFIX_MULTICAST_INLINE) return best;
  const context = contexts.find((candidate) => isPrefixMulticast(packet, at, candidate));
  return context === undefined ? best : (PREFIX_MULTICAST_INLINE << 8) | (context.id << 4) | MULTICAST | STATEFUL;
}

/** Writes the octets that `form` carries in-line; returns where they end. */
export function writeInline(packet: Uint8Array, at: number, form: AddressForm, out: Uint8Array, outAt: number): number {
  const length = inlineLength(form);
  if ((form & MULTICAST) === 0 || length === 16) return copy(packet, at + 16 - length, length, out, outAt);
  if (length === 1) return copy(packet, at + 15, 1, out, outAt);
  if ((form & STATEFUL) !== 0) {
    // ffXX:XXLL:PPPP:PPPP:PPPP:PPPP:XXXX:XXXX
    outAt = copy(packet, at + 1, 2, out, outAt);
    return copy(packet, at + 12, 4, out, outAt);
  }
  // ffXX::00XX:XXXX[:XXXX]
  out[outAt] = byteAt(packet, at + 1);
  return copy(packet, at + 17 - length, length - 1, out, outAt + 1);
}

/**
 * Writes the 16 octets of the unicast address that `bits` (SAC or DAC and the mode) and what is in-line at `at` make;
 * returns where the in-line octets end.
 *
 * @throws WireError `context` when the context is not known, `truncated`, `reserved`.
 */
export function readUnicast(
  bytes: Uint8Array,
  at: number,
  end: number,
  bits: number,
  contextId: number,
  contexts: ContextTable,
  iids: Uint8Array,
  iidAt: number,
  out: Uint8Array,
  outAt: number,
): number {
  const mode = bits & 3;
  // The mode has two bits, the table four entries.
  const length = UNICAST_INLINE[mode] as number;
  const isStateful = (bits & STATEFUL) !== 0;
  if (isStateful && mode === 0) throw new WireError("reserved", "stateful destination address mode 0");
  requireBytes(at, length, end, "an in-line address");
  if (mode === 0) return copyTo(bytes, at, 16, out, outAt);
  out.fill(0, outAt, outAt + 16);
  if (mode === 1) {
    copy(bytes, at, 8, out, outAt + 8);
  } else if (mode === 2) {
    out[outAt + 11] = 0xff;
    out[outAt + 12] = 0xfe;
    copy(bytes, at, 2, out, outAt + 14);
  } else {
    copy(iids, iidAt, 8, out, outAt + 8);
  }
  if (isStateful) {
    overlay(knownContext(contexts, contextId), out, outAt);
  } else {
    out[outAt] = 0xfe;
    out[outAt + 1] = 0x80;
  }
  return at + length;
}

/** Like {@link readUnicast}, for a multicast address. */
export function readMulticast(
  bytes: Uint8Array,
  at: number,
  end: number,
  bits: number,
  contextId: number,
  contexts: ContextTable,
  out: Uint8Array,
  outAt: number,
): number {
  const mode = bits & 3;
  const isStateful = (bits & STATEFUL) !== 0;
  if (isStateful && mode !== 0) throw new WireError("reserved", `stateful multicast mode ${mode}`);
  // The mode has two bits, the table four entries.
  const length = isStateful ? PREFIX_MULTICAST_INLINE : (MULTICAST_INLINE[mode] as number);
  requireBytes(at, length, end, "an in-line multicast address");
  out.fill(0, outAt, outAt + 16);
  out[outAt] = 0xff;
  if (isStateful) {
    const context = knownContext(contexts, contextId);
    copy(bytes, at, 2, out, outAt + 1);
    out[outAt + 3] = context.length;
    copy(context.prefix, 0, 8, out, outAt + 4);
    copy(bytes, at + 2, 4, out, outAt + 12);
  } else if (mode === 0) {
    copy(bytes, at, 16, out, outAt);
  } else if (mode === 3) {
    out[outAt + 1] = 0x02;
    out[outAt + 15] = byteAt(bytes, at);
  } else {
    out[outAt + 1] = byteAt(bytes, at);
    copy(bytes, at + 1, length - 1, out, outAt + 17 - length);
  }
  return at + length;
}

/** fe80::/64: the ten bits of the link-local prefix and 54 zeros. */
function isPlainLinkLocal(packet: Uint8Array, at: number): boolean {
  return packet[at] === 0xfe && packet[at + 1] === 0x80 && areZero(packet, at + 2, at + 8);
}

/** Whether the context's bits, and zeros from there to bit 64, begin the address. */
function beginsWithContext(packet: Uint8Array, at: number, context: Context): boolean {
  const { prefix, length } = context;
  const octets = Math.max(8, length >>> 3);
  // The prefix is zero behind its length.
  for (let i = 0; i < octets; i++) if (packet[at + i] !== prefix[i]) return false;
  const rest = length > 64 ? length & 7 : 0;
  return rest === 0 || (byteAt(packet, at + octets) ^ byteAt(prefix, octets)) >>> (8 - rest) === 0;
}

/** The best mode for the bits of the identifier behind `from`, of the address's 128; those before are known. */
function identifierMode(packet: Uint8Array, at: number, iids: Uint8Array, iidAt: number, from: number): 1 | 2 | 3 {
  const first = Math.max(0, from - 64);
  if (isEqualFrom(packet, at + 8, iids, iidAt, first, 8)) return 3;
  return isEqualFrom(packet, at + 8, SHORT_IDENTIFIER, 0, first, 6) ? 2 : 1;
}

const SHORT_IDENTIFIER = Uint8Array.of(0, 0, 0, 0xff, 0xfe, 0, 0, 0);

/** Whether the octets up to `octets` are equal, the first `from` bits left out. */
function isEqualFrom(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, from: number, octets: number): boolean {
  let i = from >>> 3;
  if (i >= octets) return true;
  if (((byteAt(a, aAt + i) ^ byteAt(b, bAt + i)) & (0xff >>> (from & 7))) !== 0) return false;
  for (i++; i < octets; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

function statelessMulticastMode(packet: Uint8Array, at: number): 0 | 1 | 2 | 3 {
  if (!areZero(packet, at + 2, at + 11)) return 0;
  if (!areZero(packet, at + 11, at + 13)) return 1;
  return packet[at + 1] === 0x02 && areZero(packet, at + 13, at + 15) ? 3 : 2;
}

/** Whether the address is ffXX:XXLL:P...: with L and P those of the context (RFC 3306, RFC 3956). */
function isPrefixMulticast(packet: Uint8Array, at: number, context: Context): boolean {
  if (context.length > 64 || packet[at + 3] !== context.length) return false;
  for (let i = 0; i < 8; i++) if (packet[at + 4 + i] !== context.prefix[i]) return false;
  return true;
}

function knownContext(contexts: ContextTable, id: number): Context {
  const context = contexts.get(id);
  if (context === undefined) throw new WireError("context", `context ${id} is not known`);
  return context;
}

/** Puts the context's bits over the address (RFC 6282 3.1.1: bits that the context covers are always used). */
function overlay(context: Context, out: Uint8Array, outAt: number): void {
  const whole = context.length >>> 3;
  for (let i = 0; i < whole; i++) out[outAt + i] = byteAt(context.prefix, i);
  const rest = context.length & 7;
  if (rest === 0) return;
  const mask = 0xff >>> rest;
  out[outAt + whole] = byteAt(context.prefix, whole) | (byteAt(out, outAt + whole) & mask);
}

function areZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}

function copy(from: Uint8Array, at: number, length: number, to: Uint8Array, toAt: number): number {
  for (let i = 0; i < length; i++) to[toAt + i] = byteAt(from, at + i);
  return toAt + length;
}

function copyTo(from: Uint8Array, at: number, length: number, to: Uint8Array, toAt: number): number {
  copy(from, at, length, to, toAt);
  return at + length;
}
