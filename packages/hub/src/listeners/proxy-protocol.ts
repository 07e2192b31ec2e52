import { BlockList, isIP, type Socket } from "node:net";
import { ByteReader } from "@isthmus/bytes";
import { formatAddress } from "@isthmus/mqtt/transport-node";

/** A listener behind a proxy that tells who its clients are: HAProxy's PROXY protocol, version 1 or 2. */
export interface ProxyProtocolOptions {
  /** Addresses of the proxies, or networks as `10.0.0.0/8`. Nobody else may connect, nor a proxy that says nothing. */
  readonly from: readonly string[];
}

/** What is wrong with a header, or with who has sent it. */
export class ProxyProtocolError extends Error {
  override readonly name = "ProxyProtocolError";
}

/** A header that was read. */
export interface ProxyHeader {
  /** Address and port of the client; undefined when the proxy speaks for itself. */
  readonly address: string | undefined;
  /** Bytes that it takes. */
  readonly size: number;
}

/** Version 1: the longest line, its end included (section 2.1). */
const LONGEST_LINE_BYTES = 107;
/** Version 2: bytes behind the first 16. Two socket paths take 216; the rest is for extensions. */
const LONGEST_BODY_BYTES = 2048;
const HEADER_BYTES = 16;
const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const LINE_START = Buffer.from("PROXY ");

/**
 * Reads the header at the start of `bytes`.
 *
 * @returns undefined when it is not whole yet.
 * @throws ProxyProtocolError when there is none, or one that is wrong.
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader | undefined {
  if (startsAlike(bytes, SIGNATURE)) return bytes.length < HEADER_BYTES ? undefined : parseBinary(bytes);
  if (startsAlike(bytes, LINE_START)) return parseLine(bytes);
  throw new ProxyProtocolError("the connection does not begin with a PROXY header");
}

function startsAlike(bytes: Uint8Array, start: Uint8Array): boolean {
  const length = Math.min(bytes.length, start.length);
  return Buffer.compare(bytes.subarray(0, length), start.subarray(0, length)) === 0;
}

/** `PROXY TCP4 192.0.2.1 198.51.100.1 50000 1883\r\n` (section 2.1). */
function parseLine(bytes: Uint8Array): ProxyHeader | undefined {
  const text = Buffer.from(bytes.subarray(0, LONGEST_LINE_BYTES)).toString("latin1");
  const end = text.indexOf("\r\n");
  if (end < 0) {
    if (bytes.length >= LONGEST_LINE_BYTES) throw new ProxyProtocolError("the PROXY line has no end");
    return undefined;
  }
  const size = end + 2;
  const [, family, source, destination, port, destinationPort, ...rest] = text.slice(0, end).split(" ");
  if (family === "UNKNOWN") return { address: undefined, size };
  const version = family === "TCP4" ? 4 : family === "TCP6" ? 6 : undefined;
  const isRight =
    version !== undefined &&
    isIP(source ?? "") === version &&
    isIP(destination ?? "") === version &&
    isPort(port) &&
    isPort(destinationPort) &&
    rest.length === 0;
  if (!isRight) throw new ProxyProtocolError(`${JSON.stringify(text.slice(0, end))} is not a PROXY line`);
  return { address: formatAddress(source, Number(port)), size };
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

/**
 * Section 2.2:
 *
 *    0 .. 11      12                 13                  14 .. 15
 *   +------------+------------------+-------------------+---------+------------------------------
 *   | signature  | version, command | family, transport | length  | addresses, ports, extensions
 *   +------------+------------------+-------------------+---------+------------------------------
 */
function parseBinary(bytes: Uint8Array): ProxyHeader | undefined {
  const reader = new ByteReader(bytes.subarray(SIGNATURE.length));
  const [command, family, length] = [reader.uint8(), reader.uint8(), reader.uint16()];
  if (command >> 4 !== 2) throw new ProxyProtocolError(`PROXY version ${command >> 4} is not 1 or 2`);
  if (length > LONGEST_BODY_BYTES)
    throw new ProxyProtocolError(`a PROXY header of ${length} bytes exceeds ${LONGEST_BODY_BYTES}`);
  const size = HEADER_BYTES + length;
  // The header ends where it says; what is behind it is the client's.
  if (bytes.length < size) return undefined;
  switch (command & 0x0f) {
    case 0: // LOCAL: the proxy's own, such as a health check
      return { address: undefined, size };
    case 1:
      return { address: readAddress(reader, family, length), size };
    default:
      throw new ProxyProtocolError(`PROXY command ${command & 0x0f} is not known`);
  }
}

function readAddress(reader: ByteReader, family: number, length: number): string | undefined {
  switch (family) {
    case 0x11: // TCP over IPv4
      if (length < 12) throw new ProxyProtocolError(`${length} bytes are too few for two IPv4 addresses`);
      return formatAddress(readIpv4(reader), portBehind(reader, 4));
    case 0x21: // TCP over IPv6
      if (length < 36) throw new ProxyProtocolError(`${length} bytes are too few for two IPv6 addresses`);
      return formatAddress(readIpv6(reader), portBehind(reader, 16));
    default:
      // Neither UDP nor a socket path can have come in here: the address is the proxy's own.
      return undefined;
  }
}

function readIpv4(reader: ByteReader): string {
  return Array.from(reader.take(4)).join(".");
}

/** In the form of RFC 5952, as the URL parser writes it. */
function readIpv6(reader: ByteReader): string {
  const words = Array.from({ length: 8 }, () => reader.uint16().toString(16));
  return new URL(`http://[${words.join(":")}]`).hostname.slice(1, -1);
}

/** The source port, behind the destination address. */
function portBehind(reader: ByteReader, destinationBytes: number): number {
  reader.skip(destinationBytes);
  return reader.uint16();
}

/** How long a proxy may take for its header. */
const HEADER_TIMEOUT_MS = 5000;

/** Takes the header off the connections of known proxies. */
export class ProxyGate {
  readonly #proxies = new BlockList();

  /** @throws RangeError for what is neither an address nor a network. */
  constructor({ from }: ProxyProtocolOptions) {
    for (const text of from) {
      const [address = "", prefix] = text.split("/");
      const version = isIP(address);
      const family = version === 4 ? "ipv4" : "ipv6";
      const bits = prefix === undefined ? undefined : Number(prefix);
      const isPrefix = bits === undefined || (/^\d+$/.test(prefix ?? "") && bits <= (version === 4 ? 32 : 128));
      if (version === 0 || !isPrefix)
        throw new RangeError(`${JSON.stringify(text)} is neither an address nor a network`);
      if (bits === undefined) this.#proxies.addAddress(address, family);
      else this.#proxies.addSubnet(address, bits, family);
    }
  }

  /**
   * Reads the header; what follows stays in the socket.
   *
   * @returns address and port of the client, or undefined when the proxy speaks for itself.
   * @throws ProxyProtocolError
   */
  async readAddress(socket: Socket): Promise<string | undefined> {
    if (!this.#isProxy(socket.remoteAddress))
      throw new ProxyProtocolError("not the address of a proxy that is trusted");
    const timeout = AbortSignal.timeout(HEADER_TIMEOUT_MS);
    let received = Buffer.alloc(0);
    for (;;) {
      // A socket without an encoding reads buffers.
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) {
        await whenReadable(socket, timeout);
        continue;
      }
      received = Buffer.concat([received, chunk]);
      const header = parseProxyHeader(received);
      if (header === undefined) continue;
      const rest = received.subarray(header.size);
      if (rest.length > 0) socket.unshift(rest);
      return header.address;
    }
  }

  #isProxy(address = ""): boolean {
    const plain = address.startsWith("::ffff:") ? address.slice(7) : address;
    const version = isIP(plain);
    return version !== 0 && this.#proxies.check(plain, version === 4 ? "ipv4" : "ipv6");
  }
}

function whenReadable(socket: Socket, timeout: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      socket.off("readable", handleReadable).off("close", handleClose).off("end", handleClose);
      timeout.removeEventListener("abort", handleTimeout);
    };
    const handleReadable = (): void => {
      stop();
      resolve();
    };
    const fail = (reason: string): void => {
      stop();
      reject(new ProxyProtocolError(reason));
    };
    const handleClose = (): void => fail("closed before its PROXY header was whole");
    const handleTimeout = (): void => fail(`no PROXY header within ${HEADER_TIMEOUT_MS} ms`);
    socket.on("readable", handleReadable).on("close", handleClose).on("end", handleClose);
    timeout.addEventListener("abort", handleTimeout);
    if (socket.destroyed || socket.readableEnded) handleClose();
  });
}
