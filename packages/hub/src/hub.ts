import { Exchange } from "@isthmus/exchange";
import type { Client, ConnectOptions } from "@isthmus/mqtt";
import { parseTopicNameBytes } from "@isthmus/mqtt/topics";
import { type Logger, pino } from "pino";
import { AccessControl } from "./access/access-control.js";
import type { AccessOptions } from "./access/access-options.js";
import { Clock } from "./clock.js";
import { MqttDoor } from "./doors/mqtt/mqtt-door.js";
import { MQTT_DEFAULTS } from "./doors/mqtt/mqtt-options.js";
import { FlushScheduler } from "./flush-scheduler.js";
import { History } from "./history/history.js";
import { HistoryReplay } from "./history/history-replay.js";
import type { HubContext, HubPart, ReplaySource } from "./hub-context.js";
import type { HubOptions } from "./hub-options.js";
import type { HttpMount } from "./listeners/http-mount.js";
import type { ListenerOptions } from "./listeners/listener-options.js";
import { ListenerSet, type OpenListener } from "./listeners/listener-set.js";
import { Metrics } from "./metrics.js";
import { MetricsMount } from "./prometheus/metrics-mount.js";
import { SysTopics } from "./sys/sys-topics.js";

/** How long clients may take to go when the hub closes. */
const CLOSE_GRACE_MS = 1000;

/** A door that is open. */
export interface OpenDoor {
  readonly url: string;
}

/**
 * Starts a hub in this process.
 *
 * @example
 * const hub = await createHub({ mqtt: { port: 0 } });
 * const client = await connect(hub.mqtt?.url);
 * // ...
 * await hub.close();
 *
 * @throws ListenError when a door cannot be opened; those that were are closed again.
 * @throws RangeError when a door would be open to other machines and nobody has said who may come in.
 */
export async function createHub(options: HubOptions = {}): Promise<Hub> {
  const hub = new Hub(options);
  try {
    await hub.open();
  } catch (error) {
    await hub.close();
    throw error;
  }
  return hub;
}

/** A running hub. Made by {@link createHub}. */
export class Hub {
  readonly exchange: Exchange;
  readonly metrics = new Metrics();
  readonly #access = new AccessControl();
  readonly #listeners: ListenerSet;
  readonly #options: HubOptions;
  readonly #log: Logger;
  readonly #context: HubContext;
  readonly #mqttDoor: MqttDoor;
  /** What runs beside the doors, in the order in which it is opened. */
  readonly #parts: HubPart[] = [];
  /** What the HTTP listener serves. */
  readonly #mounts: HttpMount[] = [];
  readonly #replays: ReplaySource[] = [];
  #isReady = false;
  readonly #ending = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#log = options.log ?? pino({ level: "silent" });
    const limits = { ...MQTT_DEFAULTS, ...options.limits };
    this.exchange = new Exchange({
      ...options.limits,
      store: options.store,
      parseTopic: (bytes, start, end) =>
        parseTopicNameBytes(bytes, start, end, { maximumLevels: limits.maxTopicLevels }),
      isVolatile: (topic) => topic.startsWith("$SYS/"),
      onRetainedRefused: ({ topic }) => {
        this.metrics.retainedRefused++;
        this.#log.warn({ topic, reason: "the limit of retained messages is reached" }, "message not retained");
      },
    });
    this.#context = {
      exchange: this.exchange,
      access: this.#access,
      clock: new Clock(),
      metrics: this.metrics,
      log: this.#log,
      replays: this.#replays,
      flushScheduler: new FlushScheduler(
        () => this.#commit(),
        (error) => this.#log.fatal({ err: error }, "the store has failed: nothing is acknowledged any more"),
      ),
    };
    this.#mqttDoor = new MqttDoor({ ...this.#context, options: limits });
    this.#listeners = new ListenerSet(listenersOf(options), {
      maximumMessageSize: limits.maximumPacketSize,
      mounts: this.#mounts,
      describe: () => this.#describe(),
      isReady: () => this.#isReady,
      handleConnection: (transport, listener, { certificate }) => this.#mqttDoor.open(transport, listener, certificate),
      handleRefusal: (address, listener, label, reason) => {
        this.metrics.connectionsRefused.add(label);
        this.#log.warn({ address, listener, reason }, "connection refused");
      },
    });
    this.#parts.push(new SysTopics(this.#context, this.#mqttDoor, options.sys));
    const measured = { exchange: this.exchange, metrics: this.metrics, mqttDoor: this.#mqttDoor };
    const metricsMount = new MetricsMount(measured, "/metrics");
    this.#parts.push(metricsMount);
    this.#mounts.push(metricsMount);
    if (options.history !== undefined) {
      const history = new History(this.#context, options.history);
      this.#parts.push(history);
      this.#replays.push(new HistoryReplay(history));
    }
  }

  /** The MQTT door; undefined when it is closed. */
  get mqtt(): OpenDoor | undefined {
    return this.listeners.find(({ type }) => type === "mqtt");
  }

  /** The HTTP door, with MQTT over WebSocket at `/mqtt`; undefined when it is closed. */
  get http(): OpenDoor | undefined {
    return this.listeners.find(({ type }) => type === "http");
  }

  /** The listeners that are open, in the order of the options. */
  get listeners(): readonly OpenListener[] {
    return this.#listeners.open;
  }

  /** Says who can connect. */
  get accessSummary(): string {
    return this.#access.summary;
  }

  /**
   * Reads users, rules, certificates and keys again. Clients stay connected, but for those who are no longer allowed to.
   *
   * @param access replaces the settings that the hub was made with.
   * @throws AccessError, TlsError when something cannot be used: then the former settings stay in use.
   */
  async reload(access: AccessOptions = accessOf(this.#options)): Promise<void> {
    const useCertificates = await this.#listeners.reload();
    await this.#access.load(access, this.#listeners.access);
    useCertificates();
  }

  /** Opens the doors; {@link createHub} has done so. */
  async open(): Promise<void> {
    await this.#access.load(accessOf(this.#options), this.#listeners.access);
    await this.#listeners.start();
    for (const part of this.#parts) await part.open();
    this.#isReady = true;
  }

  /**
   * A client of this hub in this process: no socket, the same protocol and the same rules. It ends with the hub.
   *
   * @throws RefusedError when the hub does not let it in.
   */
  async connect(options: Omit<ConnectOptions, "transport"> = {}): Promise<Client> {
    // A hub that is only served over sockets need not load the client.
    const { connect, memoryTransportPair } = await import("@isthmus/mqtt");
    const ending = this.#ending.signal;
    return connect("mqtt://in-process", {
      ...options,
      signal: options.signal === undefined ? ending : AbortSignal.any([options.signal, ending]),
      transport: () => {
        const [near, far] = memoryTransportPair();
        this.#mqttDoor.open(far, "in-process");
        return near;
      },
    });
  }

  /** Closes the doors, tells the clients, and waits until all is released. Calling it again waits for the same. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isReady = false;
    const listenersClosed = this.#listeners.close();
    this.#ending.abort(new Error("the hub was closed"));
    await Promise.all(this.#parts.map((part) => part.close()));
    await this.#mqttDoor.close(CLOSE_GRACE_MS);
    await listenersClosed;
    await this.#listeners.close();
    await this.#options.store?.close();
  }

  #commit(): Promise<void> | undefined {
    const stored = this.exchange.commit();
    if (stored === undefined) return undefined;
    const startedAt = performance.now();
    // Whoever waits for the batch is told of its failure.
    stored.then(
      () => this.metrics.storeCommit.observe((performance.now() - startedAt) / 1000),
      () => undefined,
    );
    return stored;
  }

  #describe(): string {
    const lines = this.listeners.map(({ type, url }) =>
      type === "mqtt" ? `MQTT: ${url}\n` : `MQTT over WebSocket: ${url.replace("http", "ws")}/mqtt\n`,
    );
    return `isthmus\n\n${lines.join("")}`;
  }
}

/** The listeners that the options name, in order. */
function listenersOf({ mqtt, http, listeners = [] }: HubOptions): ListenerOptions[] {
  const short: ListenerOptions[] = [];
  if (mqtt !== undefined) short.push({ type: "mqtt", ...mqtt });
  if (http !== undefined) short.push({ type: "http", ...http });
  return [...short, ...listeners];
}

function accessOf({ access, allowAnonymous }: HubOptions): AccessOptions {
  return { allowAnonymous, ...access };
}
