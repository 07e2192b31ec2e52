import { Exchange, type ExchangeOptions } from "@isthmus/exchange";
import { memoryTransportPair } from "@isthmus/mqtt";
import type { ConnectPacket, ProtocolVersion } from "@isthmus/mqtt/codec";
import { parseTopicNameBytes } from "@isthmus/mqtt/topics";
import { pino } from "pino";
import { type Access, AnonymousAccess } from "../src/access/access.js";
import { Clock } from "../src/clock.js";
import type { MqttAnnouncements } from "../src/doors/mqtt/announcements.js";
import { MqttDoor } from "../src/doors/mqtt/mqtt-door.js";
import { MQTT_DEFAULTS, type MqttDoorOptions } from "../src/doors/mqtt/mqtt-options.js";
import { FlushScheduler } from "../src/flush-scheduler.js";
import { Metrics } from "../src/metrics.js";
import { ScriptedClient } from "./scripted-client.js";

export interface MemoryDoorOptions {
  readonly limits?: Partial<MqttDoorOptions>;
  readonly exchange?: ExchangeOptions;
  readonly access?: Access;
  readonly announcements?: MqttAnnouncements;
  /** False keeps no log, which costs most of the time of a long run. Default true. */
  readonly hasLog?: boolean;
}

/** The MQTT door of a hub without sockets: its clients sit at the other end of a pair of transports in memory. */
export class MemoryDoor {
  readonly metrics = new Metrics();
  readonly exchange: Exchange;
  readonly door: MqttDoor;
  /** The lines that were logged. */
  readonly log: Record<string, unknown>[] = [];

  constructor({ limits, exchange, access, announcements, hasLog = true }: MemoryDoorOptions = {}) {
    const options = { ...MQTT_DEFAULTS, ...limits };
    this.exchange = new Exchange({
      parseTopic: (bytes, start, end) =>
        parseTopicNameBytes(bytes, start, end, { maximumLevels: options.maxTopicLevels }),
      ...exchange,
    });
    this.door = new MqttDoor({
      exchange: this.exchange,
      access: access ?? new AnonymousAccess(true, true),
      clock: new Clock(),
      metrics: this.metrics,
      // A line of the log is one JSON object.
      log: pino(
        { level: hasLog ? "debug" : "silent" },
        { write: (line) => this.log.push(JSON.parse(line) as Record<string, unknown>) },
      ),
      flushScheduler: new FlushScheduler(
        () => this.exchange.commit(),
        (error) => this.log.push({ msg: "the store has failed", err: String(error) }),
      ),
      options,
      announcements,
    });
  }

  /** A client that has not sent anything yet. */
  open(version: ProtocolVersion = 5): ScriptedClient {
    const [near, far] = memoryTransportPair();
    const client = new ScriptedClient(near, version);
    this.door.open(far, "memory");
    return client;
  }

  /** A client that was let in. */
  async connect(rest: Partial<ConnectPacket> = {}, version: ProtocolVersion = 5): Promise<ScriptedClient> {
    const client = this.open(version);
    const connack = await client.connect(rest);
    if (connack.reasonCode !== 0) throw new Error(`refused with ${connack.reasonCode}`);
    return client;
  }

  async close(): Promise<void> {
    await this.door.close(100);
  }
}
