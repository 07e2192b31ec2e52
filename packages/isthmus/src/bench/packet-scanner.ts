import { byteAt, readUint16 } from "@isthmus/bytes";
import { PacketTypeCode } from "@isthmus/mqtt/codec";

/** Where a {@link PacketScanner} tells what it found. */
export interface PacketSink {
  /** A whole PUBLISH has arrived. `packetIdentifier` is 0 for QoS 0, `frameSize` counts the fixed header too. */
  receivePublish(qos: number, packetIdentifier: number, frameSize: number): void;
  /** Any other packet: `bytes` from `start` to `end`, its variable header at `bodyStart`. Valid during the call only. */
  receiveControl(typeCode: number, bytes: Uint8Array, start: number, bodyStart: number, end: number): void;
}

/** A packet other than PUBLISH is gathered whole; the longest that the generator asks for is a SUBACK. */
const MAX_HELD = 0x1_0000;

/**
 * Counts the packets in a stream of bytes, however it is chunked, at the cost of one look at each header.
 *
 * It is not the codec's framer: it delivers no payload, so a PUBLISH spread over chunks is skipped, never gathered, and
 * it shares no code with the broker that it may be measuring.
 */
export class PacketScanner {
  readonly #sink: PacketSink;
  /** The beginning of a packet whose header is not whole yet. */
  #held = new Uint8Array(256);
  #heldLength = 0;
  /** Bytes still to come of the PUBLISH that the three fields below describe. */
  #skip = 0;
  #qos = 0;
  #packetIdentifier = 0;
  #frameSize = 0;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  /** Takes the next `length` bytes of the stream from the front of `bytes`; nothing of them is kept by reference. */
  receive(bytes: Uint8Array, length: number): void {
    let at = this.#skipBody(length);
    if (this.#heldLength > 0) at = this.#completeHeld(bytes, at, length);
    at = this.#scan(bytes, at, length);
    for (; at < length; at++) this.#hold(byteAt(bytes, at));
  }

  #skipBody(length: number): number {
    if (this.#skip === 0) return 0;
    const skipped = Math.min(this.#skip, length);
    this.#skip -= skipped;
    if (this.#skip === 0) this.#sink.receivePublish(this.#qos, this.#packetIdentifier, this.#frameSize);
    return skipped;
  }

  /** Adds byte after byte to what is held, until it can be told what it is. */
  #completeHeld(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      this.#hold(byteAt(bytes, at));
      if (this.#scan(this.#held, 0, this.#heldLength) > 0) {
        this.#heldLength = 0;
        return at + 1 + this.#skipBody(end - at - 1);
      }
    }
    return end;
  }

  #hold(byte: number): void {
    if (this.#heldLength === this.#held.length) {
      if (this.#heldLength === MAX_HELD) throw new Error(`the broker sent a header of more than ${MAX_HELD} bytes`);
      const larger = new Uint8Array(this.#held.length * 2);
      larger.set(this.#held);
      this.#held = larger;
    }
    this.#held[this.#heldLength++] = byte;
  }

  /** Reports the packets from `start` on, and returns the offset of the first that cannot be told yet. */
  #scan(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (end - at >= 2) {
      let remainingLength = byteAt(bytes, at + 1);
      let bodyStart = at + 2;
      if (remainingLength > 0x7f) {
        remainingLength &= 0x7f;
        for (let shift = 7; ; shift += 7) {
          if (shift > 21) throw new Error("the broker sent a Remaining Length of more than four bytes");
          if (bodyStart === end) return at;
          const digit = byteAt(bytes, bodyStart++);
          remainingLength |= (digit & 0x7f) << shift;
          if (digit < 0x80) break;
        }
      }
      const packetEnd = bodyStart + remainingLength;
      const firstByte = byteAt(bytes, at);
      if (firstByte >> 4 === PacketTypeCode.publish) {
        const qos = (firstByte >> 1) & 3;
        let packetIdentifier = 0;
        if (qos > 0) {
          if (bodyStart + 2 > end) return at;
          const identifierAt = bodyStart + 2 + readUint16(bytes, bodyStart);
          if (identifierAt + 2 > end) return at;
          packetIdentifier = readUint16(bytes, identifierAt);
        }
        if (packetEnd > end) {
          this.#qos = qos;
          this.#packetIdentifier = packetIdentifier;
          this.#frameSize = packetEnd - at;
          this.#skip = packetEnd - end;
          return end;
        }
        this.#sink.receivePublish(qos, packetIdentifier, packetEnd - at);
      } else {
        if (packetEnd > end) return at;
        this.#sink.receiveControl(firstByte >> 4, bytes, at, bodyStart, packetEnd);
      }
      at = packetEnd;
    }
    return at;
  }
}
