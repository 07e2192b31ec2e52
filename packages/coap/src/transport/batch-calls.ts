import { endianness } from "node:os";
import type Koffi from "koffi";

/**
 * The functions of the C library that batches of datagrams are made of, with the addresses of memory as numbers.
 *
 * @see recvmmsg(2), sendmmsg(2), getsockname(2), getsockopt(2), inet_ntop(3), inet_pton(3), if_nametoindex(3),
 * if_indextoname(3)
 */
export interface BatchCalls {
  /** Where `memory` stands, for as long as it is referenced. */
  readonly addressOf: (memory: Uint8Array) => number;
  /** Datagrams that came, into the `count` entries at `vector`; less than 1 when there are none. */
  readonly receive: (descriptor: number, vector: number, count: number) => number;
  /** How many of the `count` entries at `vector` were sent; less than 1 when the first one cannot be. */
  readonly send: (descriptor: number, vector: number, count: number) => number;
  /** Writes the name of a datagram socket to `name`; false when the descriptor is none. */
  readonly nameOfSocket: (descriptor: number, name: Uint8Array) => boolean;
  /** The text of the IPv6 address that begins at `address`. */
  readonly formatIpv6: (address: Uint8Array) => string;
  /** Writes the IPv6 address that `text` says to `address`; false when it is none. */
  readonly parseIpv6: (text: string, address: Uint8Array) => boolean;
  /** The interface with `index`; undefined when there is none. */
  readonly interfaceName: (index: number) => string | undefined;
  /** The index of an interface; 0 when there is none. */
  readonly interfaceIndex: (name: string) => number;
}

/** A name that is not in the import itself, so that bundlers leave the package where it is, and out when it is not. */
const PACKAGE: string = "koffi";
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SOCK_DGRAM = 2;
const AF_INET6 = 10;
/** INET6_ADDRSTRLEN, and more than IF_NAMESIZE. */
const LONGEST_TEXT = 46;

/** Architectures where Linux has these structures and constants: 64 bits, little endian, the generic numbers. */
const ARCHITECTURES = new Set<string>(["x64", "arm64", "riscv64", "loong64"]);

/** The calls, where the system has them and the package `koffi` is installed; undefined elsewhere. */
export async function loadBatchCalls(): Promise<BatchCalls | undefined> {
  if (process.platform !== "linux" || !ARCHITECTURES.has(process.arch) || endianness() !== "LE") return undefined;
  try {
    // What the package of that name exports.
    const { default: koffi } = (await import(PACKAGE)) as { readonly default: typeof Koffi };
    return libraryCalls(koffi);
  } catch {
    // Not installed, or not for this machine: a datagram a call, as Node does it.
    return undefined;
  }
}

function libraryCalls(koffi: typeof Koffi): BatchCalls {
  const library = koffi.load(null);
  const receive = library.func("int recvmmsg(int, intptr_t, unsigned int, int, intptr_t)");
  const send = library.func("int sendmmsg(int, intptr_t, unsigned int, int)");
  const getName = library.func("int getsockname(int, void *, _Inout_ uint32_t *)");
  const getOption = library.func("int getsockopt(int, int, int, _Out_ int *, _Inout_ uint32_t *)");
  const format = library.func("intptr_t inet_ntop(int, void *, void *, uint32_t)");
  const parse = library.func("int inet_pton(int, const char *, void *)");
  const nameOfIndex = library.func("intptr_t if_indextoname(unsigned int, void *)");
  const indexOfName = library.func("unsigned int if_nametoindex(const char *)");
  const text = new Uint8Array(LONGEST_TEXT);
  return {
    addressOf: (memory) => Number(koffi.address(memory)),
    receive: (descriptor, vector, count) => Number(receive(descriptor, vector, count, MSG_DONTWAIT, 0)),
    send: (descriptor, vector, count) => Number(send(descriptor, vector, count, MSG_DONTWAIT)),
    nameOfSocket: (descriptor, name) => {
      const type = [0];
      if (getOption(descriptor, SOL_SOCKET, SO_TYPE, type, [4]) !== 0 || type[0] !== SOCK_DGRAM) return false;
      return getName(descriptor, name, [name.length]) === 0;
    },
    formatIpv6: (address) => {
      format(AF_INET6, address, text, text.length);
      return textOf(text);
    },
    parseIpv6: (source, address) => parse(AF_INET6, source, address) === 1,
    interfaceName: (index) => (Number(nameOfIndex(index, text)) === 0 ? undefined : textOf(text)),
    interfaceIndex: (name) => Number(indexOfName(name)),
  };
}

/** A string of C. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
