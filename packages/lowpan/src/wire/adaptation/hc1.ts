import { byteAt, writeUint16 } from "@isthmus/bytes";
import { IPV6_HEADER_LENGTH, NEXT_HEADER } from "../ip/ipv6.js";
import { UDP_HEADER_LENGTH } from "../ip/udp.js";
import { requireBytes, requireRoom, WireError } from "../wire-error.js";
import { DISPATCH_HC1 } from "./dispatch.js";
import type { DecompressedHeaders } from "./header-compression.js";

/**
 * LOWPAN_HC1 and HC_UDP (RFC 4944 10), which RFC 6282 replaced: read, never written.
 *
 * ```text
 *   0               1                                   2
 *   0 1 2 3 4 5 6 7 0   1   2   3   4   5   6   7       0   1   2   3   4   5   6   7
 * +---------------+---+---+---+---+---+---+---+---+   +---+---+---+---+---+---+---+---+
 * |0 1 0 0 0 0 1 0|  SA   |  DA   |TF |  NH   |HC2|   | S | D | L |     reserved      |  HC_UDP, if HC2
 * +---------------+---+---+---+---+---+---+---+---+   +---+---+---+---+---+---+---+---+
 * ```
 *
 * SA and DA: the first bit elides the prefix (fe80::/64), the second the interface identifier. TF elides traffic class
 * and flow label. NH: 0 in-line, 1 UDP, 2 ICMPv6, 3 TCP. What is left follows without padding between the fields: the
 * hop limit, then addresses, traffic class and flow label (28 bits), next header, ports (16 or 4 bits), length, checksum.
 */
export function decompressHc1(
  bytes: Uint8Array,
  at: number,
  end: number,
  iids: Uint8Array,
  out: Uint8Array,
  outAt: number,
  datagramSize?: number,
): DecompressedHeaders {
  requireBytes(at, 2, end, "HC1");
  if (byteAt(bytes, at) !== DISPATCH_HC1) throw new WireError("dispatch", "not an HC1 header");
  const hc1 = byteAt(bytes, at + 1);
  const nextForm = (hc1 >>> 1) & 3;
  const hasHc2 = (hc1 & 1) !== 0;
  if (hasHc2 && nextForm !== 1) throw new WireError("reserved", "HC2 without UDP");
  const bits = new BitReader(bytes, at + 2, end);
  const hcUdp = hasHc2 ? bits.take(8) : 0;

  requireRoom(out, outAt, IPV6_HEADER_LENGTH + (hasHc2 ? UDP_HEADER_LENGTH : 0));
  out[outAt + 7] = bits.take(8);
  readAddress(bits, hc1 >>> 6, iids, 0, out, outAt + 8);
  readAddress(bits, hc1 >>> 4, iids, 8, out, outAt + 24);
  const isTrafficElided = (hc1 & 0x08) !== 0;
  const trafficClass = isTrafficElided ? 0 : bits.take(8);
  const flowLabel = isTrafficElided ? 0 : bits.take(20);
  writeUint16(out, outAt, 0x6000 | (trafficClass << 4) | (flowLabel >>> 16));
  writeUint16(out, outAt + 2, flowLabel & 0xffff);
  out[outAt + 6] = NEXT_HEADERS[nextForm] ?? bits.take(8);

  const length = IPV6_HEADER_LENGTH + (hasHc2 ? UDP_HEADER_LENGTH : 0);
  const udpAt = outAt + IPV6_HEADER_LENGTH;
  let udpLength: number | undefined;
  if (hasHc2) {
    writeUint16(out, udpAt, readPort(bits, (hcUdp & 0x80) !== 0));
    writeUint16(out, udpAt + 2, readPort(bits, (hcUdp & 0x40) !== 0));
    if ((hcUdp & 0x20) === 0) udpLength = bits.take(16);
    writeUint16(out, udpAt + 6, bits.take(16));
  }
  const size = datagramSize ?? length + end - bits.byteEnd;
  if (size < length) throw new WireError("datagram-size", `${length} octets of headers in a datagram of ${size}`);
  writeUint16(out, outAt + 4, size - IPV6_HEADER_LENGTH);
  if (hasHc2) writeUint16(out, udpAt + 4, udpLength ?? size - IPV6_HEADER_LENGTH);
  return { end: bits.byteEnd, length, elidedChecksum: undefined };
}

const NEXT_HEADERS: readonly (number | undefined)[] = [undefined, NEXT_HEADER.udp, NEXT_HEADER.icmpv6, NEXT_HEADER.tcp];

function readAddress(
  bits: BitReader,
  form: number,
  iids: Uint8Array,
  iidAt: number,
  out: Uint8Array,
  outAt: number,
): void {
  out.fill(0, outAt, outAt + 16);
  if ((form & 2) === 0) {
    for (let i = 0; i < 8; i++) out[outAt + i] = bits.take(8);
  } else {
    out[outAt] = 0xfe;
    out[outAt + 1] = 0x80;
  }
  for (let i = 8; i < 16; i++) out[outAt + i] = (form & 1) === 0 ? bits.take(8) : byteAt(iids, iidAt + i - 8);
}

/** RFC 4944 10.3.2: a compressed port is 0xf0b0 (61616) and four bits. */
function readPort(bits: BitReader, isCompressed: boolean): number {
  return isCompressed ? 0xf0b0 | bits.take(4) : bits.take(16);
}

/** Reads fields that do not begin at octets. */
class BitReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #bitAt: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#end = end;
    this.#bitAt = at * 8;
  }

  /** Where the octet ends that the last field ended in. */
  get byteEnd(): number {
    return (this.#bitAt + 7) >>> 3;
  }

  /** The next `count` bits, at most 24, most significant first. */
  take(count: number): number {
    if (this.#bitAt + count > this.#end * 8) throw new WireError("truncated", "the HC1 fields end too soon");
    let value = 0;
    for (let i = 0; i < count; i++, this.#bitAt++) {
      value = (value << 1) | ((byteAt(this.#bytes, this.#bitAt >>> 3) >>> (7 - (this.#bitAt & 7))) & 1);
    }
    return value;
  }
}
