import { Exchange } from "@isthmus/exchange";
import type { Client, ConnectOptions } from "@isthmus/mqtt";
import { parseTopicNameBytes } from "@isthmus/mqtt/topics";
import { type Logger, pino } from "pino";
import { type Access, AnonymousAccess } from "./access/access.js";
import { Clock } from "./clock.js";
import { MqttDoor } from "./doors/mqtt/mqtt-door.js";
import { MQTT_DEFAULTS } from "./doors/mqtt/mqtt-options.js";
import { FlushScheduler } from "./flush-scheduler.js";
import { History } from "./history/history.js";
import { HistoryReplay } from "./history/history-replay.js";
import type { HubContext, HubPart, ReplaySource } from "./hub-context.js";
import type { HubOptions, ListenOptions } from "./hub-options.js";
import type { HttpMount } from "./listeners/http-mount.js";
import { openHttpListener } from "./listeners/http-listener.js";
import { isLoopback, type Listener } from "./listeners/listener.js";
import { openTcpListener } from "./listeners/tcp-listener.js";
import { Metrics } from "./metrics.js";

const LOOPBACK = "127.0.0.1";
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
  /** Says who can connect. */
  readonly accessSummary: string;
  readonly #options: HubOptions;
  readonly #log: Logger;
  readonly #context: HubContext;
  readonly #mqttDoor: MqttDoor;
  /** What runs beside the doors, in the order in which it is opened. */
  readonly #parts: HubPart[] = [];
  /** What the HTTP listener serves. */
  readonly #mounts: HttpMount[] = [];
  readonly #replays: ReplaySource[] = [];
  readonly #maximumPacketSize: number;
  #mqtt: Listener | undefined;
  #http: Listener | undefined;
  #isReady = false;
  readonly #ending = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#log = options.log ?? pino({ level: "silent" });
    const access = chooseAccess(options);
    this.accessSummary = access.summary;
    const limits = { ...MQTT_DEFAULTS, ...options.limits };
    this.#maximumPacketSize = limits.maximumPacketSize;
    this.exchange = new Exchange({
      ...options.limits,
      store: options.store,
      parseTopic: (bytes, start, end) =>
        parseTopicNameBytes(bytes, start, end, { maximumLevels: limits.maxTopicLevels }),
      onRetainedRefused: ({ topic }) => {
        this.metrics.retainedRefused++;
        this.#log.warn({ topic, reason: "the limit of retained messages is reached" }, "message not retained");
      },
    });
    this.#context = {
      exchange: this.exchange,
      access,
      clock: new Clock(),
      metrics: this.metrics,
      log: this.#log,
      replays: this.#replays,
      flushScheduler: new FlushScheduler(
        () => this.exchange.commit(),
        (error) => this.#log.fatal({ err: error }, "the store has failed: nothing is acknowledged any more"),
      ),
    };
    this.#mqttDoor = new MqttDoor({ ...this.#context, options: limits });
    if (options.history !== undefined) {
      const history = new History(this.#context, options.history);
      this.#parts.push(history);
      this.#replays.push(new HistoryReplay(history));
    }
  }

  /** The MQTT door; undefined when it is closed. */
  get mqtt(): OpenDoor | undefined {
    return this.#mqtt;
  }

  /** The HTTP door, with MQTT over WebSocket at `/mqtt`; undefined when it is closed. */
  get http(): OpenDoor | undefined {
    return this.#http;
  }

  /** Opens the doors; {@link createHub} has done so. */
  async open(): Promise<void> {
    const { mqtt, http } = this.#options;
    if (mqtt !== undefined) {
      this.#mqtt = await openTcpListener(addressOf(mqtt), (transport) => this.#mqttDoor.open(transport, "mqtt"));
    }
    if (http !== undefined) {
      this.#http = await openHttpListener(
        {
          ...addressOf(http),
          maximumMessageSize: this.#maximumPacketSize,
          allowedOrigins: http.allowedOrigins ?? [],
          describe: () => this.#describe(),
          isReady: () => this.#isReady,
          mounts: this.#mounts,
          handleRefusal: (address, reason) => {
            this.metrics.connectionsRefused.add("origin-not-allowed");
            this.#log.warn({ address, listener: "http", reason }, "connection refused");
          },
        },
        (transport) => this.#mqttDoor.open(transport, "http"),
      );
    }
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
    const listenersClosed = Promise.all([this.#mqtt?.close(), this.#http?.close()]);
    this.#ending.abort(new Error("the hub was closed"));
    await Promise.all(this.#parts.map((part) => part.close()));
    await this.#mqttDoor.close(CLOSE_GRACE_MS);
    await listenersClosed;
    await this.#http?.close();
    await this.#options.store?.close();
  }

  #describe(): string {
    const doors = [
      ["MQTT", this.#mqtt?.url],
      ["MQTT over WebSocket", this.#http && `${this.#http.url.replace("http", "ws")}/mqtt`],
    ];
    const lines = doors.filter(([, url]) => url !== undefined).map(([name, url]) => `${name}: ${url}\n`);
    return `isthmus\n\n${lines.join("")}`;
  }
}

function addressOf({ host, port }: ListenOptions): { host: string; port: number } {
  return { host: host ?? LOOPBACK, port };
}

/** Loopback and anonymous by default; any other address needs the operator's word. */
function chooseAccess({ mqtt, http, allowAnonymous }: HubOptions): Access {
  const reachable = [mqtt, http].find((door) => door !== undefined && !isLoopback(addressOf(door).host));
  if (reachable !== undefined && allowAnonymous === undefined) {
    throw new RangeError(
      `${addressOf(reachable).host} can be reached from other machines, and no users are configured: ` +
        "listen on 127.0.0.1, or allow anonymous clients explicitly",
    );
  }
  return new AnonymousAccess(allowAnonymous ?? true, reachable === undefined);
}
