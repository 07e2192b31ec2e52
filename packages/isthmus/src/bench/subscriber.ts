import { PacketTypeCode, writePuback, writePubcomp, writePubrec } from "@isthmus/mqtt/codec";

import { AcknowledgementBuffer } from "./acknowledgement-buffer.js";
import type { BenchConnection, ConnectionRole } from "./bench-connection.js";

/** Counts what is delivered, and acknowledges it as its QoS asks. */
export class Subscriber implements ConnectionRole {
  deliveredCount = 0;
  readonly #connection: BenchConnection;
  readonly #frameSize: number;
  readonly #wake: () => void;
  readonly #acknowledgements = new AcknowledgementBuffer();

  /**
   * @param frameSize of every PUBLISH that is to come: another size is an error, and so is a truncated stream
   * @param wake called when messages have come: a publisher that was held back may go on
   */
  constructor(connection: BenchConnection, frameSize: number, wake: () => void) {
    this.#connection = connection;
    this.#frameSize = frameSize;
    this.#wake = wake;
  }

  receivePublish(qos: number, packetIdentifier: number, frameSize: number): void {
    if (frameSize !== this.#frameSize) {
      throw new Error(`a delivered PUBLISH has ${frameSize} bytes, where ${this.#frameSize} were sent`);
    }
    this.deliveredCount++;
    if (qos === 1) this.#acknowledgements.append(writePuback, packetIdentifier);
    else if (qos === 2) this.#acknowledgements.append(writePubrec, packetIdentifier);
  }

  receiveAcknowledgement(typeCode: number, packetIdentifier: number): void {
    if (typeCode !== PacketTypeCode.pubrel) throw new Error(`packet type ${typeCode} on a connection that subscribes`);
    this.#acknowledgements.append(writePubcomp, packetIdentifier);
  }

  endChunk(): void {
    this.#acknowledgements.flush(this.#connection.socket);
    this.#wake();
  }

  drain(): void {}
}
