import { type ConnackPacket, type ConnectPacket, type Packet, REASON_MEANINGS, reasonName } from "@isthmus/mqtt/codec";
import type { PacketPort, PacketPortOwner } from "./packet-port.js";

/** A broker that does not let the bridge in. */
export class BridgeRefusedError extends Error {
  override readonly name = "BridgeRefusedError";
}

/**
 * Sends CONNECT and waits for CONNACK. What follows on it waits in {@link earlyPackets} until the port gets another owner.
 */
export class Handshake implements PacketPortOwner {
  readonly earlyPackets: Packet[] = [];
  readonly #port: PacketPort;
  readonly #done = Promise.withResolvers<ConnackPacket>();

  private constructor(port: PacketPort) {
    this.#port = port;
  }

  /**
   * @returns CONNACK, and the handshake with what came behind it
   * @throws BridgeRefusedError, Error when the connection breaks or no answer comes in time
   */
  static async perform(
    port: PacketPort,
    connect: ConnectPacket,
    timeoutMs: number,
  ): Promise<{ readonly connack: ConnackPacket; readonly handshake: Handshake }> {
    const handshake = new Handshake(port);
    const timer = setTimeout(() => port.destroy(new Error(`no CONNACK within ${timeoutMs} ms`)), timeoutMs);
    port.open(handshake);
    port.send(connect);
    try {
      return { connack: await handshake.#done.promise, handshake };
    } finally {
      clearTimeout(timer);
    }
  }

  handlePacket(packet: Packet): void {
    if (packet.type !== "connack") {
      this.earlyPackets.push(packet);
      return;
    }
    // What comes behind it, as messages of a session that goes on, waits where it is.
    this.#port.setPaused(true);
    if (packet.reasonCode === 0) this.#done.resolve(packet);
    else this.#done.reject(new BridgeRefusedError(explain(packet, this.#port.version)));
  }

  handleCongestion(): void {
    // CONNECT is all that is sent.
  }

  handleClose(error: Error | undefined): void {
    this.#done.reject(error ?? new Error("the connection was closed"));
  }
}

function explain({ reasonCode, properties }: ConnackPacket, version: number): string {
  const name = version === 5 ? reasonName(reasonCode) : undefined;
  const meaning = name === undefined ? `return code ${reasonCode}` : REASON_MEANINGS[name];
  return `not let in: ${properties?.reasonString ?? meaning}`;
}
