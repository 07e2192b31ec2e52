import { createServer, type Server, type Socket } from "node:net";

import { decodePacket, encodePacket, Framer, type Packet, type ProtocolVersion } from "@isthmus/mqtt/codec";

/** What a broker of a test does in place of the right thing. */
export interface Misbehaviour {
  /** The code of its CONNACK. */
  readonly connackCode?: number;
  readonly receiveMaximum?: number;
  /** It forwards the nth message so many times: 0 loses it, 2 doubles it. */
  readonly copiesOf?: (index: number) => number;
  /** It closes a connection when it has sent so many messages. */
  readonly closesAfter?: number;
  /** Bytes that it adds to each payload. */
  readonly extraPayload?: number;
  /** It sends the acknowledgements of a chunk in reverse order. */
  readonly reversesAcknowledgements?: boolean;
  /** It acknowledges with this packet identifier. */
  readonly acknowledges?: (packetIdentifier: number) => number;
}

/** A broker of a few lines on the codec: exact topics, all QoS, and what a test wants it to do wrong. */
export class ScriptedBroker {
  readonly #server: Server;
  readonly #misbehaviour: Misbehaviour;
  readonly #sockets = new Set<Socket>();
  readonly #subscribersByTopic = new Map<string, Set<(packet: Packet) => void>>();
  /** Most PUBLISH packets of QoS 1 and 2 that a publisher had unacknowledged, as it looked at the end of each chunk. */
  mostPerChunk = 0;
  #forwardedCount = 0;
  #publishCount = 0;

  constructor(misbehaviour: Misbehaviour = {}) {
    this.#misbehaviour = misbehaviour;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  async listen(): Promise<{ host: string; port: number }> {
    await new Promise<void>((resolve) => void this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
    return { host: "127.0.0.1", port: address.port };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => void this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket)).on("error", () => socket.destroy());
    const framer = new Framer();
    let version: ProtocolVersion = 4;
    let nextIdentifier = 1;
    let answers: Packet[] = [];
    const send = (packet: Packet): void => void socket.write(encodePacket(packet, version));
    const deliver = (packet: Packet): void => {
      if (packet.type !== "publish") return;
      send(packet.qos === 0 ? packet : { ...packet, packetIdentifier: 1 + (nextIdentifier++ % 65_535) });
      if (++this.#forwardedCount === this.#misbehaviour.closesAfter) socket.destroy();
    };
    socket.on("data", (chunk: Uint8Array) => {
      let inChunk = 0;
      const receiveFrame = (bytes: Uint8Array, start: number, _bodyStart: number, end: number): boolean => {
        const packet = decodePacket(bytes, start, end, version);
        if (packet.type === "connect") version = packet.protocolVersion;
        if (packet.type === "publish" && packet.qos > 0) this.mostPerChunk = Math.max(this.mostPerChunk, ++inChunk);
        answers.push(...this.#answer(packet, deliver));
        return true;
      };
      framer.receive(chunk, { receiveFrame });
      if (this.#misbehaviour.reversesAcknowledgements === true) answers.reverse();
      for (const answer of answers) send(answer);
      answers = [];
    });
  }

  #answer(packet: Packet, deliver: (packet: Packet) => void): Packet[] {
    const { connackCode, receiveMaximum, acknowledges = (identifier: number) => identifier } = this.#misbehaviour;
    switch (packet.type) {
      case "connect":
        return [
          {
            type: "connack",
            sessionPresent: false,
            reasonCode: connackCode ?? 0,
            ...(receiveMaximum !== undefined && { properties: { receiveMaximum } }),
          },
        ];
      case "subscribe":
        for (const { topicFilter } of packet.subscriptions) {
          const subscribers = this.#subscribersByTopic.get(topicFilter) ?? new Set();
          this.#subscribersByTopic.set(topicFilter, subscribers.add(deliver));
        }
        return [
          {
            type: "suback",
            packetIdentifier: packet.packetIdentifier,
            reasonCodes: packet.subscriptions.map(({ qos }) => qos),
          },
        ];
      case "publish":
        this.#forward(packet);
        if (packet.packetIdentifier === undefined) return [];
        return [
          {
            type: packet.qos === 1 ? "puback" : "pubrec",
            packetIdentifier: acknowledges(packet.packetIdentifier),
            reasonCode: 0,
          },
        ];
      case "pubrec":
        return [{ type: "pubrel", packetIdentifier: packet.packetIdentifier, reasonCode: 0 }];
      case "pubrel":
        return [{ type: "pubcomp", packetIdentifier: packet.packetIdentifier, reasonCode: 0 }];
      default:
        return [];
    }
  }

  #forward(packet: Packet): void {
    if (packet.type !== "publish") return;
    const { copiesOf = () => 1, extraPayload = 0 } = this.#misbehaviour;
    const payload = new Uint8Array(packet.payload.length + extraPayload);
    payload.set(packet.payload);
    for (let copies = copiesOf(this.#publishCount++); copies > 0; copies--) {
      for (const deliver of this.#subscribersByTopic.get(packet.topic) ?? []) deliver({ ...packet, payload });
    }
  }
}
