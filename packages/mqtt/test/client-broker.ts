import {
  decodePacket,
  encodePacket,
  Framer,
  type Packet,
  parseTopicFilter,
  parseTopicName,
  type ProtocolVersion,
  type PublishPacket,
  type SubscribePacket,
  topicMatches,
} from "../src/index.js";
import { memoryTransportPair } from "../src/transport/memory-transport.js";
import type { Transport } from "../src/transport/transport.js";

interface Session {
  readonly filters: Map<string, { readonly qos: number; readonly identifiers: readonly number[] | undefined }>;
  readonly queue: PublishPacket[];
}

/** What a test makes the broker do; each may be changed while it runs. */
export interface BrokerBehaviour {
  /** Answers instead of the broker, if it returns packets. */
  intercept?: ((packet: Packet, connection: BrokerConnection) => readonly Packet[] | undefined) | undefined;
  /** CONNACK's properties. */
  connackProperties?: Extract<Packet, { type: "connack" }>["properties"];
}

/** A broker for tests of the client: in memory, QoS 0 and 1, sessions that last, connections that break when told to. */
export class ClientBroker {
  readonly behaviour: BrokerBehaviour;
  readonly connections: BrokerConnection[] = [];
  /** Every packet that came in, over all connections. */
  readonly received: Packet[] = [];
  readonly sessions = new Map<string, Session>();
  /** Whether it lets clients connect. */
  isUp = true;

  constructor(behaviour: BrokerBehaviour = {}) {
    this.behaviour = behaviour;
  }

  /** What `connect` takes as its `transport`. */
  readonly transport = (): Transport => {
    if (!this.isUp) throw new Error("nobody listens");
    const [client, server] = memoryTransportPair(["client", "broker"]);
    this.connections.push(new BrokerConnection(this, server));
    return client;
  };

  get lastConnection(): BrokerConnection {
    const last = this.connections.at(-1);
    if (!last) throw new Error("nobody has connected");
    return last;
  }

  /** Packets of a type that came in. */
  receivedOf<T extends Packet["type"]>(type: T): Extract<Packet, { type: T }>[] {
    return this.received.filter((packet): packet is Extract<Packet, { type: T }> => packet.type === type);
  }

  publish(topic: string, text: string, rest: Partial<PublishPacket> = {}): void {
    const payload = new TextEncoder().encode(text);
    this.route({ type: "publish", topic, payload, qos: 0, retain: false, dup: false, ...rest });
  }

  route(packet: PublishPacket): void {
    for (const [clientId, session] of this.sessions) {
      const matching = [...session.filters].filter(([filter]) =>
        topicMatches(parseTopicFilter(filter), parseTopicName(packet.topic)),
      );
      if (matching.length === 0) continue;
      const identifiers = matching.flatMap(([, { identifiers = [] }]) => identifiers);
      const qos = Math.min(packet.qos, Math.max(...matching.map(([, granted]) => granted.qos)));
      const properties = { ...packet.properties, subscriptionIdentifiers: identifiers };
      const copy: PublishPacket = {
        ...packet,
        // Not above 1: the broker is not made for QoS 2 to its clients.
        qos: qos === 0 ? 0 : 1,
        packetIdentifier: qos === 0 ? undefined : 1 + (this.received.length % 1000),
        properties: identifiers.length > 0 ? properties : packet.properties,
      };
      const connection = this.connections.findLast((each) => each.isOpen && each.clientId === clientId);
      if (connection) connection.send(copy);
      else if (copy.qos > 0) session.queue.push(copy);
    }
  }
}

/** The broker's side of one connection. */
export class BrokerConnection {
  clientId = "";
  isOpen = true;
  closeError: Error | undefined;
  readonly transport: Transport;
  readonly #broker: ClientBroker;
  readonly #framer = new Framer();
  #version: ProtocolVersion | undefined;

  constructor(broker: ClientBroker, transport: Transport) {
    this.#broker = broker;
    this.transport = transport;
    transport.open({
      receiveBytes: (bytes) =>
        this.#framer.receive(bytes, {
          receiveFrame: (chunk, start, _bodyStart, end) => {
            this.#receive(decodePacket(chunk, start, end, this.#version));
            return true;
          },
        }),
      handleDrain: () => undefined,
      handleClose: () => (this.isOpen = false),
    });
  }

  /** The network breaks. */
  break(): void {
    this.isOpen = false;
    this.transport.destroy();
  }

  send(...packets: readonly Packet[]): void {
    for (const packet of packets) this.transport.write(encodePacket(packet, this.#version ?? 5));
  }

  #receive(packet: Packet): void {
    if (packet.type === "connect") {
      this.#version = packet.protocolVersion;
      this.clientId = packet.clientId === "" ? `assigned-${this.#broker.connections.length}` : packet.clientId;
    }
    this.#broker.received.push(packet);
    const answer = this.#broker.behaviour.intercept?.(packet, this) ?? this.#answer(packet);
    this.send(...answer);
    if (packet.type === "publish" && answer.length <= 1) this.#broker.route(packet);
    if (packet.type === "disconnect") this.transport.end();
    if (packet.type !== "connect") return;
    const session = this.#broker.sessions.get(this.clientId);
    this.send(...(session?.queue.splice(0) ?? []));
  }

  #answer(packet: Packet): readonly Packet[] {
    switch (packet.type) {
      case "connect": {
        const { sessions, behaviour } = this.#broker;
        const sessionPresent = sessions.has(this.clientId) && !packet.cleanStart;
        if (!sessionPresent) sessions.set(this.clientId, { filters: new Map(), queue: [] });
        const assigned = packet.clientId === "" ? { assignedClientIdentifier: this.clientId } : {};
        return [
          {
            type: "connack",
            sessionPresent,
            reasonCode: 0,
            properties: { ...behaviour.connackProperties, ...assigned },
          },
        ];
      }
      case "publish":
        if (packet.packetIdentifier === undefined) return [];
        return [
          { type: packet.qos === 1 ? "puback" : "pubrec", packetIdentifier: packet.packetIdentifier, reasonCode: 0 },
        ];
      case "pubrel":
        return [{ type: "pubcomp", packetIdentifier: packet.packetIdentifier, reasonCode: 0 }];
      case "subscribe":
        return [this.#subscribe(packet)];
      case "unsubscribe": {
        const { packetIdentifier, topicFilters } = packet;
        const filters = this.#broker.sessions.get(this.clientId)?.filters;
        return [
          { type: "unsuback", packetIdentifier, reasonCodes: topicFilters.map((f) => (filters?.delete(f) ? 0 : 0x11)) },
        ];
      }
      case "pingreq":
        return [{ type: "pingresp" }];
      default:
        return [];
    }
  }

  #subscribe({ packetIdentifier, subscriptions, properties }: SubscribePacket): Packet {
    const filters = this.#broker.sessions.get(this.clientId)?.filters;
    for (const { topicFilter, qos } of subscriptions) {
      filters?.set(topicFilter, { qos, identifiers: properties?.subscriptionIdentifiers });
    }
    return { type: "suback", packetIdentifier, reasonCodes: subscriptions.map(({ qos }) => qos) };
  }
}
