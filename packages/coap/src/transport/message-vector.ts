const HEADER_BYTES = 64;
const IOVEC_BYTES = 16;
/** Room for a `struct sockaddr_in6`, 28 bytes. */
const NAME_BYTES = 32;
const NAME_WORDS = NAME_BYTES / 4;
/**
 * Between the buffers: without it those of a power of two would all begin in the same set of the processor's cache, and
 * drive each other out.
 */
const STAGGER_BYTES = 64;

/**
 * An array of `struct mmsghdr` as recvmmsg(2) and sendmmsg(2) have it on 64-bit Linux, each with one buffer and one
 * socket name:
 *
 * ```
 *  0 msg_name       the name         8 msg_namelen
 * 16 msg_iov        one iovec       24 msg_iovlen      1
 * 32 msg_control    none            40 msg_controllen  0
 * 48 msg_flags                      56 msg_len
 * ```
 *
 * Its memory is the array of a typed array: it is given back when the vector is, and not before.
 */
export class MessageVector {
  readonly count: number;
  readonly bufferBytes: number;
  /** Where it stands. */
  readonly address: number;
  /** The buffers; that of entry i begins at `startOf(i)`. */
  readonly bytes: Uint8Array;
  /** The names; that of entry i begins at `nameOf(i)`. */
  readonly words: Int32Array;
  readonly #iovecWord: number;
  readonly #nameWord: number;
  readonly #bufferByte: number;

  /** @param addressOf where memory stands. */
  constructor(count: number, bufferBytes: number, addressOf: (memory: Uint8Array) => number) {
    const iovecs = count * HEADER_BYTES;
    const names = iovecs + count * IOVEC_BYTES;
    const buffers = names + count * NAME_BYTES;
    const stride = bufferBytes + STAGGER_BYTES;
    this.bytes = new Uint8Array(buffers + count * stride);
    this.words = new Int32Array(this.bytes.buffer, 0, buffers / 4);
    this.address = addressOf(this.bytes);
    this.count = count;
    this.bufferBytes = bufferBytes;
    this.#iovecWord = iovecs / 4;
    this.#nameWord = names / 4;
    this.#bufferByte = buffers;
    const view = new DataView(this.bytes.buffer);
    const pointTo = (at: number, target: number): void =>
      view.setBigUint64(at, BigInt(this.address) + BigInt(target), true);
    for (let index = 0; index < count; index++) {
      const header = index * HEADER_BYTES;
      pointTo(header, names + index * NAME_BYTES);
      view.setUint32(header + 8, NAME_BYTES, true);
      pointTo(header + 16, iovecs + index * IOVEC_BYTES);
      view.setBigUint64(header + 24, 1n, true);
      pointTo(iovecs + index * IOVEC_BYTES, buffers + index * stride);
      view.setBigUint64(iovecs + index * IOVEC_BYTES + 8, BigInt(bufferBytes), true);
    }
  }

  /** Where entry `index` begins: what to hand to the system when those before it are done. */
  addressOf(index: number): number {
    return this.address + index * HEADER_BYTES;
  }

  /** The byte at which the buffer of entry `index` begins. */
  startOf(index: number): number {
    return this.#bufferByte + index * (this.bufferBytes + STAGGER_BYTES);
  }

  /** The word at which the name of entry `index` begins. */
  nameOf(index: number): number {
    return this.#nameWord + index * NAME_WORDS;
  }

  /** Bytes that came into entry `index`. */
  receivedBytes(index: number): number {
    // msg_len; the system wrote it.
    return this.words[index * (HEADER_BYTES / 4) + 14] as number;
  }

  /** Bytes that entry `index` is to be sent with. */
  sentBytes(index: number): number {
    return this.words[this.#iovecWord + index * (IOVEC_BYTES / 4) + 2] as number; // Within the array.
  }

  /** Sets how many bytes of the buffer and of the name of entry `index` are to be sent with. */
  setLengths(index: number, bytes: number, nameBytes: number): void {
    this.words[this.#iovecWord + index * (IOVEC_BYTES / 4) + 2] = bytes;
    this.words[index * (HEADER_BYTES / 4) + 2] = nameBytes;
  }
}
