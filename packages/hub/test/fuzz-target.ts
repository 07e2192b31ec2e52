import type { Transport, TransportListener } from "@isthmus/mqtt";
import {
  decodePacket,
  encodePacket,
  Framer,
  type FrameSink,
  type Packet,
  type ProtocolVersion,
} from "@isthmus/mqtt/codec";
import type { FuzzTally, FuzzTarget } from "../../mqtt/test/fuzz/fuzz-target.js";
import { MqttConnection } from "../src/doors/mqtt/mqtt-connection.js";
import { MemoryDoor } from "./memory-door.js";

/** Connections after which a hub is replaced by a fresh one, so that what they leave behind stays small. */
const CONNECTIONS_PER_HUB = 500;

/** Whole hubs, one after the other, with a subscriber of each wire form that gets all that comes through. */
export class FuzzedHubs {
  #door = new MemoryDoor(SMALL);
  #witnesses: HubTarget[] = [];
  #count = 0;

  /** A connection to the hub of the hour. */
  open(tally: FuzzTally): HubTarget {
    if (this.#count++ % CONNECTIONS_PER_HUB === 0) this.#renew(tally);
    for (const witness of this.#witnesses) witness.acknowledgeAll();
    return new HubTarget(this.#door, tally);
  }

  close(): void {
    for (const witness of this.#witnesses) witness.close();
    // Nobody is connected any more, so nothing is waited for.
    void this.#door.close();
  }

  #renew(tally: FuzzTally): void {
    if (this.#count > 1) this.close();
    this.#door = new MemoryDoor(SMALL);
    this.#witnesses = ([4, 5] as const).map((version) => {
      const witness = new HubTarget(this.#door, tally);
      witness.receive(connectBytes(version));
      witness.receive(subscribeBytes(version));
      return witness;
    });
  }
}

/** Limits that a few packets reach. */
const SMALL = {
  limits: {
    maximumPacketSize: 2048,
    maximumConnectSize: 1024,
    receiveMaximum: 8,
    topicAliasMaximum: 4,
    maxInFlight: 8,
    maxQueuedMessages: 20,
    maxTopicLevels: 8,
    maxSubscriptionsPerClient: 10,
  },
  exchange: { maxRetainedMessages: 100, topicCacheSize: 16 },
  hasLog: false,
} as const;

function connectBytes(protocolVersion: ProtocolVersion): Uint8Array {
  const clientId = `witness-${protocolVersion}`;
  return encodePacket({ type: "connect", protocolVersion, clientId, cleanStart: true, keepAlive: 0 }, protocolVersion);
}

function subscribeBytes(version: ProtocolVersion): Uint8Array {
  const options = { qos: 2, noLocal: false, retainAsPublished: true, retainHandling: 0 } as const;
  const subscriptions = ["#", "$share/s/#"].map((topicFilter) => ({ topicFilter, ...options }));
  return encodePacket({ type: "subscribe", packetIdentifier: 1, subscriptions }, version);
}

/** One connection. What the hub sends must be packets that a client can read; anything else is a bug. */
export class HubTarget implements FuzzTarget, Transport, FrameSink {
  readonly remoteAddress = "fuzzer";
  readonly bufferedBytes = 0;
  readonly #door: MemoryDoor;
  readonly #tally: FuzzTally;
  readonly #framer = new Framer();
  #listener: TransportListener | undefined;
  #isEnded = false;
  /** The types of what the hub has sent first and last. */
  #first: Packet["type"] | undefined;
  #last: Packet["type"] | undefined;
  #toAcknowledge: Packet[] = [];

  constructor(door: MemoryDoor, tally: FuzzTally) {
    this.#door = door;
    this.#tally = tally;
    door.door.open(this, "fuzzer");
  }

  receive(chunk: Uint8Array): boolean {
    this.#listener?.receiveBytes(chunk);
    this.#door.door.flushScheduler.flush();
    return !this.#isEnded;
  }

  close(): void {
    this.#isEnded = true;
    this.#listener?.handleClose(undefined);
    this.#listener = undefined;
    this.#door.door.flushScheduler.flush();
  }

  /** Answers what has come in, as a good client would. */
  acknowledgeAll(): void {
    for (;;) {
      const packets = this.#toAcknowledge;
      if (packets.length === 0) return;
      this.#toAcknowledge = [];
      for (const packet of packets) this.receive(encodePacket(packet, this.#version));
    }
  }

  open(listener: TransportListener): void {
    this.#listener = listener;
  }

  write(bytes: Uint8Array): boolean {
    check(!this.#isEnded, "the hub writes to a connection that it has closed");
    this.#framer.receive(bytes, this);
    return true;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    for (const part of parts) this.write(part);
    return true;
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.#isEnded = true;
    check(this.#framer.pendingSize === 0, "the hub ends within a packet");
  }

  destroy(): void {
    this.#isEnded = true;
  }

  receiveFrame(bytes: Uint8Array, start: number, _bodyStart: number, end: number): boolean {
    const packet = decodePacket(bytes, start, end, this.#version);
    this.#tally.count(`${packet.type} out`);
    if (packet.type === "disconnect" || packet.type === "connack")
      this.#tally.count(`0x${packet.reasonCode.toString(16)}`);
    this.#first ??= packet.type;
    check(this.#first === "connack", `${this.#first} is the first packet of the hub`);
    check(this.#last !== "disconnect", "a packet follows DISCONNECT");
    this.#last = packet.type;
    this.#noteAnswer(packet);
    return true;
  }

  get #version(): ProtocolVersion {
    return this.#listener instanceof MqttConnection ? this.#listener.version : 4;
  }

  #noteAnswer(packet: Packet): void {
    if (packet.type === "pubrel") {
      this.#toAcknowledge.push({ type: "pubcomp", packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
    }
    if (packet.type !== "publish" || packet.packetIdentifier === undefined) return;
    const type = packet.qos === 1 ? "puback" : "pubrec";
    this.#toAcknowledge.push({ type, packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
  }
}

function check(isTrue: boolean, message: string): asserts isTrue {
  if (!isTrue) throw new Error(message);
}
