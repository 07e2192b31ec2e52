import { connect } from "node:net";
import { once } from "node:events";
import { concatBytes } from "@isthmus/bytes";
import type { Transport, TransportListener } from "@isthmus/mqtt";
import {
  type ConnackPacket,
  type ConnectPacket,
  decodePacket,
  encodePacket,
  Framer,
  type FrameSink,
  type Packet,
  type ProtocolVersion,
  type PublishPacket,
  type SubackPacket,
  type SubscriptionRequest,
} from "@isthmus/mqtt/codec";
import { NodeStreamTransport } from "@isthmus/mqtt/transport-node";

/** How long a packet may take: only a broken hub takes that long. */
const PATIENCE_MS = 20_000;

type PacketOf<T extends Packet["type"]> = OfType<Packet, T>;
/** Each packet of the union whose types include `T`: the acknowledgements share one interface. */
type OfType<P, T> = P extends { readonly type: infer Own } ? (T extends Own ? P : never) : never;

/**
 * A client that says what the test tells it to, right or wrong, and does nothing by itself: it acknowledges nothing,
 * and does not mind what it gets.
 */
export class ScriptedClient implements TransportListener, FrameSink {
  readonly version: ProtocolVersion;
  readonly transport: Transport;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  #framer = new Framer();
  #received: Packet[] = [];
  #waiting: ((packet: Packet | undefined) => void) | undefined;
  #handleClosed: () => void = () => {};
  isClosed = false;

  constructor(transport: Transport, version: ProtocolVersion = 5) {
    this.transport = transport;
    this.version = version;
    this.closed = new Promise((resolve) => (this.#handleClosed = resolve));
    transport.open(this);
  }

  /** Connects to `mqtt://host:port`. */
  static async overTcp(url: string, version: ProtocolVersion = 5): Promise<ScriptedClient> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    return new ScriptedClient(new NodeStreamTransport(socket), version);
  }

  receiveBytes(bytes: Uint8Array): void {
    this.#framer.receive(bytes, this);
  }

  receiveFrame(bytes: Uint8Array, start: number, _bodyStart: number, end: number): boolean {
    const packet = decodePacket(bytes, start, end, this.version);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#received.push(packet);
    else waiting(packet);
    return true;
  }

  handleDrain(): void {}

  handleClose(): void {
    this.isClosed = true;
    this.#waiting?.(undefined);
    this.#waiting = undefined;
    this.#handleClosed();
  }

  /** Sends packets in one chunk. */
  send(...packets: Packet[]): void {
    this.sendBytes(concatBytes(packets.map((packet) => encodePacket(packet, this.version))));
  }

  sendBytes(bytes: Uint8Array): void {
    this.transport.write(bytes);
  }

  /** The next packet; undefined when the connection has been closed. */
  next(): Promise<Packet | undefined> {
    const packet = this.#received.shift();
    if (packet !== undefined) return Promise.resolve(packet);
    if (this.isClosed) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const timer = REAL_SET_TIMEOUT(() => reject(new Error("no packet came")), PATIENCE_MS);
      this.#waiting = (packet) => {
        REAL_CLEAR_TIMEOUT(timer);
        resolve(packet);
      };
    });
  }

  /** The next packet, which is of `type`. @throws Error when it is another, or none. */
  async expect<T extends Packet["type"]>(type: T): Promise<PacketOf<T>> {
    const packet = await this.next();
    if (packet?.type !== type) throw new Error(`${JSON.stringify(packet)} came, not ${type}`);
    // Just checked.
    return packet as PacketOf<T>;
  }

  /** The next packet of `type`; what comes before it can still be had. */
  async first<T extends Packet["type"]>(type: T): Promise<PacketOf<T>> {
    const others: Packet[] = [];
    for (;;) {
      const packet = await this.next();
      if (packet === undefined) throw new Error(`the connection was closed before ${type} came`);
      if (packet.type !== type) {
        others.push(packet);
        continue;
      }
      this.#received.unshift(...others);
      // Just checked.
      return packet as PacketOf<T>;
    }
  }

  /** All that the hub has sent up to now: what came before the answer to a PINGREQ. */
  async settle(): Promise<Packet[]> {
    this.send({ type: "pingreq" });
    const packets: Packet[] = [];
    for (;;) {
      const packet = await this.next();
      if (packet === undefined || packet.type === "pingresp") return packets;
      packets.push(packet);
    }
  }

  /** As {@link settle}, of which the payloads of PUBLISH as text. */
  async settledTexts(): Promise<string[]> {
    return (await this.settle()).filter((packet) => packet.type === "publish").map(textOf);
  }

  connect(rest: Partial<ConnectPacket> = {}): Promise<ConnackPacket> {
    this.send({
      type: "connect",
      protocolVersion: this.version,
      clientId: `client-${Math.random().toString(36).slice(2)}`,
      cleanStart: true,
      keepAlive: 0,
      ...rest,
    });
    return this.expect("connack");
  }

  subscribe(
    filters: string | readonly string[],
    rest: Partial<SubscriptionRequest> = {},
    subscriptionIdentifier?: number,
  ): Promise<SubackPacket> {
    const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const topicFilters = typeof filters === "string" ? [filters] : filters;
    this.send({
      type: "subscribe",
      packetIdentifier: 1,
      subscriptions: topicFilters.map((topicFilter) => ({ topicFilter, ...options, ...rest })),
      properties:
        subscriptionIdentifier === undefined ? undefined : { subscriptionIdentifiers: [subscriptionIdentifier] },
    });
    return this.first("suback");
  }

  /** Sends PUBLISH; with QoS 0 a PINGREQ follows, so that it has been taken when this resolves. */
  async publish(topic: string, text: string, rest: Partial<PublishPacket> = {}): Promise<number> {
    this.send(publishPacket(topic, text, rest));
    switch (rest.qos ?? 0) {
      case 0:
        this.send({ type: "pingreq" });
        await this.first("pingresp");
        return 0;
      case 1:
        return (await this.first("puback")).reasonCode;
      case 2: {
        const { packetIdentifier, reasonCode } = await this.first("pubrec");
        if (reasonCode >= 0x80) return reasonCode;
        this.send({ type: "pubrel", packetIdentifier, reasonCode: 0 });
        await this.first("pubcomp");
        return reasonCode;
      }
    }
  }

  /** Breaks the connection without a word. */
  async break(): Promise<void> {
    this.transport.destroy();
    await this.closed;
  }

  async disconnect(reasonCode = 0, properties?: PacketOf<"disconnect">["properties"]): Promise<void> {
    this.send({ type: "disconnect", reasonCode, properties });
    await this.closed;
  }
}

export function publishPacket(topic: string, text: string, rest: Partial<PublishPacket> = {}): PublishPacket {
  return {
    type: "publish",
    topic,
    payload: new TextEncoder().encode(text),
    qos: 0,
    retain: false,
    dup: false,
    packetIdentifier: (rest.qos ?? 0) > 0 ? 77 : undefined,
    ...rest,
  };
}

export function textOf({ payload }: PublishPacket): string {
  return new TextDecoder().decode(payload);
}

// A test may put a clock of its own in place of the real one.
const REAL_SET_TIMEOUT = setTimeout;
const REAL_CLEAR_TIMEOUT = clearTimeout;
