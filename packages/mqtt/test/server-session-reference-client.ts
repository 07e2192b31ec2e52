import { concatBytes } from "@isthmus/bytes";
import type { SeededRandom } from "@isthmus/machine";
import {
  decodePacket,
  encodePacket,
  Framer,
  type FrameSink,
  type Packet,
  type ProtocolVersion,
  type PublishPacket,
} from "../src/codec/index.js";

interface Outgoing {
  readonly packetIdentifier: number;
  readonly text: string;
  readonly qos: 1 | 2;
  state: "new" | "published" | "released";
}

const TOPIC_ALIAS_MAXIMUM = 3;

/**
 * A small client for simulations, written from sections 4.3, 4.4 and 4.9 alone: it shares nothing with the server's
 * session but the codec. It keeps its session over connections, answers late and in its own time, and complains when
 * the server does what it must not.
 */
export class ReferenceClient implements FrameSink {
  /** What the application was given, in order. */
  readonly delivered: { readonly text: string; readonly qos: number }[] = [];
  readonly #version: ProtocolVersion;
  readonly #random: SeededRandom;
  #framer = new Framer();
  readonly #topicByAlias = new Map<number, string>();
  #outgoing: Outgoing[] = [];
  #lastIdentifier = 0;
  /** QoS 2 messages that were delivered and not released. */
  readonly #unreleased = new Set<number>();
  /** QoS 1 and 2 messages on this connection that are not acknowledged to their end. */
  readonly #open = new Set<number>();
  #receiveMaximum = 0;
  #transmits: Uint8Array[] = [];
  /** Answers that are not sent yet, in order. [MQTT-4.6.0-2] [MQTT-4.6.0-3] */
  #answers: Packet[] = [];
  #isOpen = false;
  readonly #clientId: string;
  readonly #filter: string | undefined;
  /** Whether the server has a session of it. */
  #hasSession = false;
  /** Whether its subscription was acknowledged, or it wants none. */
  isSubscribed: boolean;

  /** @param filter that it subscribes to when its session begins, at QoS 2. */
  constructor(version: ProtocolVersion, random: SeededRandom, clientId = "c", filter?: string) {
    this.#version = version;
    this.#random = random;
    this.#clientId = clientId;
    this.#filter = filter;
    this.isSubscribed = filter === undefined;
  }

  /** Messages that the server has not acknowledged to their end. */
  get outgoingCount(): number {
    return this.#outgoing.length;
  }

  /** What they say. */
  get outgoingTexts(): ReadonlySet<string> {
    return new Set(this.#outgoing.map(({ text }) => text));
  }

  /** A connection opens. */
  connect(isFirst: boolean): void {
    this.#framer = new Framer();
    this.#topicByAlias.clear();
    this.#transmits = [];
    this.#answers = [];
    this.#open.clear();
    this.#isOpen = false;
    this.#receiveMaximum = this.#version === 5 ? this.#random.nextInteger(1, 8) : 65_535;
    const properties = {
      receiveMaximum: this.#receiveMaximum,
      sessionExpiryInterval: 1000,
      topicAliasMaximum: TOPIC_ALIAS_MAXIMUM,
    };
    this.#send({
      type: "connect",
      protocolVersion: this.#version,
      clientId: this.#clientId,
      // Only the first of all begins a session.
      cleanStart: isFirst && this.#version === 5,
      keepAlive: 0,
      properties: this.#version === 5 ? properties : undefined,
    });
  }

  publish(qos: 0 | 1 | 2, text: string): void {
    if (qos === 0) {
      if (this.#isOpen) this.#send(publishPacket(text, 0));
      return;
    }
    const packetIdentifier = this.#nextIdentifier();
    const message: Outgoing = { packetIdentifier, text, qos, state: "new" };
    this.#outgoing.push(message);
    if (this.#isOpen) this.#sendMessage(message);
  }

  /** Sends up to `count` of the answers that are due. */
  answer(count: number): void {
    for (const packet of this.#answers.splice(0, count)) {
      if (packet.type === "puback" || packet.type === "pubcomp") this.#open.delete(packet.packetIdentifier);
      this.#send(packet);
    }
  }

  get hasAnswers(): boolean {
    return this.#answers.length > 0;
  }

  receive(bytes: Uint8Array): void {
    this.#framer.receive(bytes, this);
  }

  takeTransmits(): Uint8Array {
    const bytes = concatBytes(this.#transmits);
    this.#transmits = [];
    return bytes;
  }

  receiveFrame(bytes: Uint8Array, start: number, _bodyStart: number, end: number): boolean {
    this.#receivePacket(decodePacket(bytes, start, end, this.#version));
    return true;
  }

  #receivePacket(packet: Packet): void {
    switch (packet.type) {
      case "connack":
        if (packet.reasonCode !== 0) throw new Error(`refused with ${packet.reasonCode}`);
        // MQTT 3.1 does not tell.
        if (this.#hasSession && !packet.sessionPresent && this.#version !== 3) throw new Error("the session is lost");
        this.#hasSession = true;
        this.#isOpen = true;
        if (!this.isSubscribed) this.#subscribe();
        // [MQTT-4.4.0-1]
        for (const message of this.#outgoing) this.#sendMessage(message);
        return;
      case "suback":
        this.isSubscribed = true;
        return;
      case "publish":
        this.#receivePublish(packet);
        return;
      case "puback":
        this.#settle(packet.packetIdentifier, "published");
        return;
      case "pubrec":
        this.#release(packet.packetIdentifier);
        return;
      case "pubcomp":
        this.#settle(packet.packetIdentifier, "released");
        return;
      case "pubrel":
        this.#unreleased.delete(packet.packetIdentifier);
        this.#answers.push({ type: "pubcomp", packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
        return;
      default:
        throw new Error(`${packet.type} from the server`);
    }
  }

  #checkAlias(topic: string, topicAlias: number | undefined): void {
    if (topicAlias === undefined) return;
    if (topicAlias > TOPIC_ALIAS_MAXIMUM) throw new Error(`topic alias ${topicAlias}`);
    if (topic !== "") this.#topicByAlias.set(topicAlias, topic);
    else if (!this.#topicByAlias.has(topicAlias)) throw new Error(`topic alias ${topicAlias} was never set`);
  }

  #receivePublish({ qos, packetIdentifier = 0, payload, topic, properties }: PublishPacket): void {
    this.#checkAlias(topic, properties?.topicAlias);
    const text = new TextDecoder().decode(payload);
    if (qos === 0) {
      this.delivered.push({ text, qos });
      return;
    }
    if (this.#open.has(packetIdentifier)) throw new Error(`${packetIdentifier} was sent twice on one connection`);
    this.#open.add(packetIdentifier);
    if (this.#open.size > this.#receiveMaximum) throw new Error(`more than ${this.#receiveMaximum} in flight`);
    if (qos === 1) {
      this.delivered.push({ text, qos });
      this.#answers.push({ type: "puback", packetIdentifier, reasonCode: 0 });
      return;
    }
    if (!this.#unreleased.has(packetIdentifier)) this.delivered.push({ text, qos });
    this.#unreleased.add(packetIdentifier);
    this.#answers.push({ type: "pubrec", packetIdentifier, reasonCode: 0 });
  }

  #subscribe(): void {
    const options = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const subscriptions = [{ topicFilter: this.#filter ?? "", ...options }];
    this.#send({ type: "subscribe", packetIdentifier: 65_535, subscriptions });
  }

  #settle(packetIdentifier: number, state: Outgoing["state"]): void {
    const message = this.#outgoing.find((each) => each.packetIdentifier === packetIdentifier);
    if (message?.state !== state) throw new Error(`nothing ${state} under ${packetIdentifier}`);
    this.#outgoing = this.#outgoing.filter((each) => each !== message);
  }

  #release(packetIdentifier: number): void {
    const message = this.#outgoing.find((each) => each.packetIdentifier === packetIdentifier);
    if (message?.qos !== 2) throw new Error(`PUBREC for ${packetIdentifier}`);
    message.state = "released";
    this.#send({ type: "pubrel", packetIdentifier, reasonCode: 0 });
  }

  #sendMessage(message: Outgoing): void {
    const { packetIdentifier, text, qos, state } = message;
    if (state === "released") {
      this.#send({ type: "pubrel", packetIdentifier, reasonCode: 0 });
      return;
    }
    this.#send({ ...publishPacket(text, qos), packetIdentifier, dup: state === "published" });
    message.state = "published";
  }

  #nextIdentifier(): number {
    do this.#lastIdentifier = (this.#lastIdentifier % 20) + 1;
    while (this.#outgoing.some(({ packetIdentifier }) => packetIdentifier === this.#lastIdentifier));
    return this.#lastIdentifier;
  }

  /** Whether one more message has an identifier. */
  get canPublish(): boolean {
    return this.#outgoing.length < 10;
  }

  #send(packet: Packet): void {
    this.#transmits.push(encodePacket(packet, this.#version));
  }
}

function publishPacket(text: string, qos: 0 | 1 | 2): PublishPacket {
  return { type: "publish", topic: "up", payload: new TextEncoder().encode(text), qos, retain: false, dup: false };
}
