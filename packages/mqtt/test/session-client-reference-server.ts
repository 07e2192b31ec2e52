import type { Instant } from "@isthmus/machine";
import { decodePacket, encodePacket, Framer, type Packet, type PublishPacket } from "../src/codec/index.js";

interface Outgoing {
  readonly packet: PublishPacket;
  packetIdentifier: number;
  state: "waiting" | "published" | "released";
}

/**
 * A small server of one client for simulations, written from section 4.3 alone: it shares nothing with the client's
 * session but the codec. It takes what is published to it, publishes what it is told to, and keeps both sides'
 * session state over connections.
 */
export class ReferenceServer {
  /** Payloads that were passed on, in order. */
  readonly delivered: { readonly text: string; readonly qos: number }[] = [];
  readonly #receiveMaximum: number;
  readonly #version: 4 | 5;
  #framer = new Framer();
  #hasSession = false;
  readonly #unreleased = new Set<number>();
  #outgoing: Outgoing[] = [];
  #lastIdentifier = 0;
  #isOpen = false;
  #transmits: Uint8Array[] = [];

  constructor(options: { version: 4 | 5; receiveMaximum: number }) {
    this.#version = options.version;
    this.#receiveMaximum = options.receiveMaximum;
  }

  /** Messages to the client that are not acknowledged to their end. */
  get outgoingCount(): number {
    return this.#outgoing.length;
  }

  publish(qos: 0 | 1 | 2, text: string): void {
    const payload = new TextEncoder().encode(text);
    const packet = { type: "publish", topic: "down", payload, qos, retain: false, dup: false } as const;
    if (qos > 0) this.#outgoing.push({ packet, packetIdentifier: 0, state: "waiting" });
    else if (this.#isOpen) this.#send(packet);
    this.#advance();
  }

  /** The connection broke. */
  handleClose(): void {
    this.#isOpen = false;
    this.#framer = new Framer();
    this.#transmits = [];
  }

  receive(_now: Instant, bytes: Uint8Array): void {
    this.#framer.receive(bytes, {
      receiveFrame: (chunk, start, _bodyStart, end) => {
        this.#receivePacket(decodePacket(chunk, start, end, this.#version));
        return true;
      },
    });
  }

  takeTransmits(): Uint8Array[] {
    const transmits = this.#transmits;
    this.#transmits = [];
    return transmits;
  }

  #receivePacket(packet: Packet): void {
    switch (packet.type) {
      case "connect":
        return this.#receiveConnect(packet.cleanStart);
      case "publish":
        return this.#receivePublish(packet);
      case "pubrel":
        this.#unreleased.delete(packet.packetIdentifier);
        return this.#acknowledge("pubcomp", packet.packetIdentifier);
      case "puback":
      case "pubcomp":
        this.#outgoing = this.#outgoing.filter((out) => out.packetIdentifier !== packet.packetIdentifier);
        return this.#advance();
      case "pubrec": {
        const out = this.#outgoing.find((out) => out.packetIdentifier === packet.packetIdentifier);
        if (out) out.state = "released";
        return this.#acknowledge("pubrel", packet.packetIdentifier);
      }
      case "pingreq":
        return this.#send({ type: "pingresp" });
      default:
        throw new Error(`the reference server did not expect ${packet.type}`);
    }
  }

  #receiveConnect(cleanStart: boolean): void {
    const sessionPresent = this.#hasSession && !cleanStart;
    this.#hasSession = true;
    this.#isOpen = true;
    const properties = this.#version === 5 ? { receiveMaximum: this.#receiveMaximum } : undefined;
    this.#send({ type: "connack", sessionPresent, reasonCode: 0, properties });
    for (const out of this.#outgoing) {
      if (out.state === "published") this.#send({ ...out.packet, packetIdentifier: out.packetIdentifier, dup: true });
      if (out.state === "released") this.#acknowledge("pubrel", out.packetIdentifier);
    }
    this.#advance();
  }

  #receivePublish({ payload, qos, packetIdentifier = 0 }: PublishPacket): void {
    const isKnown = qos === 2 && this.#unreleased.has(packetIdentifier);
    if (!isKnown) this.delivered.push({ text: new TextDecoder().decode(payload), qos });
    if (qos === 1) this.#acknowledge("puback", packetIdentifier);
    if (qos !== 2) return;
    this.#unreleased.add(packetIdentifier);
    if (this.#version === 5 && this.#unreleased.size > this.#receiveMaximum) {
      throw new Error(`the client has ${this.#unreleased.size} messages in flight, not ${this.#receiveMaximum}`);
    }
    this.#acknowledge("pubrec", packetIdentifier);
  }

  #advance(): void {
    if (!this.#isOpen) return;
    const inFlight = this.#outgoing.filter(({ state }) => state !== "waiting").length;
    for (const out of this.#outgoing.filter(({ state }) => state === "waiting").slice(0, Math.max(0, 8 - inFlight))) {
      this.#lastIdentifier = (this.#lastIdentifier % 65_535) + 1;
      out.packetIdentifier = this.#lastIdentifier;
      out.state = "published";
      this.#send({ ...out.packet, packetIdentifier: out.packetIdentifier });
    }
  }

  #acknowledge(type: "puback" | "pubrec" | "pubrel" | "pubcomp", packetIdentifier: number): void {
    this.#send({ type, packetIdentifier, reasonCode: 0 });
  }

  #send(packet: Packet): void {
    this.#transmits.push(encodePacket(packet, this.#version));
  }
}
