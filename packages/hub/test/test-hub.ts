import type { ConnectPacket, ProtocolVersion } from "@isthmus/mqtt/codec";
import type { MqttDoorOptions } from "../src/index.js";
import { createHub, type Hub, type HubOptions, type Metrics } from "../src/index.js";
import { MemoryDoor } from "./memory-door.js";
import { ScriptedClient } from "./scripted-client.js";

/** A hub that scripted clients connect to, by whatever way. */
export interface TestHub {
  readonly metrics: Metrics;
  /** A connection on which nothing was sent yet. */
  open(version?: ProtocolVersion): Promise<ScriptedClient> | ScriptedClient;
  /** A client that was let in. */
  connect(rest?: Partial<ConnectPacket>, version?: ProtocolVersion): Promise<ScriptedClient>;
  close(): Promise<void>;
}

/** A whole hub that listens on TCP. */
export class TcpHub implements TestHub {
  readonly hub: Hub;
  readonly #clients: ScriptedClient[] = [];
  readonly #url: string;

  /** @param url of the listener that clients connect to. */
  constructor(hub: Hub, url = hub.mqtt?.url ?? "") {
    this.hub = hub;
    this.#url = url;
  }

  static async start(options: HubOptions = {}): Promise<TcpHub> {
    return new TcpHub(await createHub({ mqtt: { port: 0 }, sys: { intervalMs: 0 }, ...options }));
  }

  get metrics(): Metrics {
    return this.hub.metrics;
  }

  async open(version: ProtocolVersion = 5): Promise<ScriptedClient> {
    const client = await ScriptedClient.overTcp(this.#url, version);
    this.#clients.push(client);
    return client;
  }

  async connect(rest: Partial<ConnectPacket> = {}, version: ProtocolVersion = 5): Promise<ScriptedClient> {
    const client = await this.open(version);
    const connack = await client.connect(rest);
    if (connack.reasonCode !== 0) throw new Error(`refused with ${connack.reasonCode}`);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.transport.destroy();
    await this.hub.close();
  }
}

/** The ways to run a test that holds for each of them. */
export const WAYS: readonly (readonly [
  name: string,
  start: (limits?: Partial<MqttDoorOptions>) => Promise<TestHub>,
])[] = [
  ["in memory", async (limits = {}) => new MemoryDoor({ limits })],
  ["over TCP", (limits) => TcpHub.start({ limits })],
];
