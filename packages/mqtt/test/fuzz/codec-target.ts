import { equalBytes } from "@isthmus/bytes";

import { AcknowledgementFrame } from "../../src/codec/acknowledgement.js";
import { PacketTypeCode } from "../../src/codec/constants.js";
import { decodePacket } from "../../src/codec/decode-packet.js";
import { encodePacket } from "../../src/codec/encode-packet.js";
import { MqttProtocolError } from "../../src/codec/errors.js";
import { Framer, type FrameSink } from "../../src/codec/framer.js";
import type { Packet, ProtocolVersion } from "../../src/codec/packets.js";
import { PublishFrame } from "../../src/codec/publish-frame.js";
import { isReasonCodeOf } from "../../src/codec/reason-codes.js";
import type { FuzzTally, FuzzTarget } from "./fuzz-target.js";

const MAXIMUM_PACKET_SIZE = 1024;

/** Framer and codec: each frame is decoded both ways and encoded again. A bug shows as a thrown Error. */
export class CodecTarget implements FuzzTarget, FrameSink {
  readonly #version: ProtocolVersion;
  readonly #tally: FuzzTally;
  readonly #framer = new Framer({ maximumPacketSize: MAXIMUM_PACKET_SIZE });
  readonly #publishFrame = new PublishFrame();
  readonly #acknowledgementFrame = new AcknowledgementFrame();

  constructor(version: ProtocolVersion, tally: FuzzTally) {
    this.#version = version;
    this.#tally = tally;
  }

  receive(chunk: Uint8Array): boolean {
    const error = protocolErrorOf(() => this.#framer.receive(chunk, this));
    if (error !== undefined) this.#countError(error);
    return error === undefined;
  }

  close(): void {
    check(this.#framer.pendingSize < MAXIMUM_PACKET_SIZE, "the framer keeps more than a packet");
  }

  /** Goes on after a malformed packet, as a server must not: where the next one begins is known all the same. */
  receiveFrame(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean {
    const inPlaceError = protocolErrorOf(() => this.#parseInPlace(bytes, start, bodyStart, end));
    let packet: Packet | undefined;
    const error = protocolErrorOf(() => {
      packet = decodePacket(bytes, start, end, this.#version);
    });
    if (error !== undefined) this.#countError(error);
    if (packet === undefined) return true;
    check(inPlaceError === undefined, "a window refuses what decodePacket accepts");
    this.#tally.count(packet.type);
    this.#checkWindow(packet);
    this.#checkEncoding(packet);
    return true;
  }

  #countError({ reasonCode, reasonName }: MqttProtocolError): void {
    this.#tally.count(reasonName);
    check(isReasonCodeOf("disconnect", reasonCode) || isReasonCodeOf("connack", reasonCode), "an error has no answer");
  }

  /** The window must agree with the packet that is made of it. */
  #checkWindow(packet: Packet): void {
    if (packet.type !== "publish") return;
    const frame = this.#publishFrame;
    check(equalBytes(frame.payload(), packet.payload), "payloads differ");
    check(frame.packetIdentifier === (packet.packetIdentifier ?? 0), "packet identifiers differ");
  }

  #parseInPlace(bytes: Uint8Array, start: number, bodyStart: number, end: number): void {
    const typeCode = (bytes[start] ?? 0) >> 4;
    if (typeCode === PacketTypeCode.publish) {
      this.#publishFrame.parse(bytes, start, bodyStart, end, this.#version);
      check(this.#publishFrame.payloadStart <= end, "the payload begins beyond the end");
    } else if (typeCode >= PacketTypeCode.puback && typeCode <= PacketTypeCode.pubcomp) {
      this.#acknowledgementFrame.parse(bytes, start, bodyStart, end, this.#version);
    }
  }

  /** What was decoded can be sent, and decoding that gives the same to send. */
  #checkEncoding(packet: Packet): void {
    let again: Uint8Array | undefined;
    const encoded = encodePacket(packet, this.#version);
    const error = protocolErrorOf(() => {
      again = encodePacket(decodePacket(encoded, 0, encoded.length, this.#version), this.#version);
    });
    check(error === undefined, `${packet.type} is refused when it is encoded: ${error?.message}`);
    check(again !== undefined && equalBytes(encoded, again), `${packet.type} changes when it is encoded again`);
  }
}

/** The MqttProtocolError that `action` throws, if any. Other errors go through. */
function protocolErrorOf(action: () => void): MqttProtocolError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof MqttProtocolError) return error;
    throw error;
  }
}

function check(isTrue: boolean, message: string): asserts isTrue {
  if (!isTrue) throw new Error(message);
}
