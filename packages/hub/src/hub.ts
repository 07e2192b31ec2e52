import { Exchange, StoreError } from "@isthmus/exchange";
import type { Client, ConnectOptions } from "@isthmus/mqtt";
import { parseTopicNameBytes } from "@isthmus/mqtt/topics";
import { type Logger, pino } from "pino";
import { AccessControl } from "./access/access-control.js";
import type { AccessOptions, ListenerAccess } from "./access/access-options.js";
import { AdminMount } from "./admin/admin-mount.js";
import { BridgesPart } from "./bridge/bridges-part.js";
import { Clock } from "./clock.js";
import { DashboardMount } from "./dashboard/dashboard-mount.js";
import { CoapPart } from "./doors/coap/coap-part.js";
import { TopicsMount } from "./doors/http/topics-mount.js";
import { MqttDoor } from "./doors/mqtt/mqtt-door.js";
import { MQTT_DEFAULTS, type MqttDoorOptions } from "./doors/mqtt/mqtt-options.js";
import { FlushScheduler } from "./flush-scheduler.js";
import { History } from "./history/history.js";
import { HistoryMount } from "./history/history-mount.js";
import { HistoryReplay } from "./history/history-replay.js";
import { HookedAccess } from "./hooks/hooked-access.js";
import { HookRunner } from "./hooks/hook-runner.js";
import type { HubContext, HubPart, ReplaySource } from "./hub-context.js";
import type { HubOptions } from "./hub-options.js";
import type { HttpMount } from "./listeners/http-mount.js";
import type { ListenerOptions } from "./listeners/listener-options.js";
import { type ListenerPlan, ListenerSet, type OpenListener } from "./listeners/listener-set.js";
import { takeLive } from "./live-options.js";
import { Metrics } from "./metrics.js";
import { MirrorPart } from "./mirror/mirror-part.js";
import { Publisher } from "./publisher.js";
import { MetricsMount } from "./prometheus/metrics-mount.js";
import { SealingGate } from "./smqtt/sealing-gate.js";
import { SmqttPart } from "./smqtt/smqtt-part.js";
import { PanPart } from "./pan/pan-part.js";
import { ProxyPart } from "./proxy/proxy-part.js";
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
  #options: HubOptions;
  readonly #log: Logger;
  readonly #context: HubContext;
  readonly #mqttDoor: MqttDoor;
  readonly #coapPart: CoapPart | undefined;
  readonly #proxyPart: ProxyPart | undefined;
  readonly #panPart: PanPart | undefined;
  /** What runs beside the doors, in the order in which it is opened. */
  readonly #parts: HubPart[] = [];
  /** What the HTTP listener serves. */
  readonly #mounts: HttpMount[] = [];
  readonly #replays: ReplaySource[] = [];
  readonly #limits: MqttDoorOptions;
  #isReady = false;
  #reloading: Promise<void> = Promise.resolve();
  readonly #ending = new AbortController();
  #closing: Promise<void> | undefined;
  readonly #failure = Promise.withResolvers<StoreError>();
  #hasFailed = false;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#limits = { ...MQTT_DEFAULTS, ...options.limits };
    this.#log = options.log ?? pino({ level: "silent" });
    const limits = this.#limits;
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
    const gate = options.smqtt?.sealing && new SealingGate(options.smqtt.sealing, this.#log);
    const isHooked = options.hooks !== undefined || gate !== undefined;
    const hooks = isHooked ? new HookRunner(options.hooks ?? {}, this.#log, options.hooks, gate) : undefined;
    this.#context = {
      exchange: this.exchange,
      access: hooks === undefined ? this.#access : new HookedAccess(this.#access, hooks),
      hooks,
      clock: new Clock(),
      metrics: this.metrics,
      log: this.#log,
      replays: this.#replays,
      flushScheduler: new FlushScheduler(
        () => this.#commit(),
        (error) => this.#fail(error),
      ),
    };
    this.#mqttDoor = new MqttDoor({ ...this.#context, options: limits, announcements: options.announcements });
    this.#listeners = new ListenerSet({
      maximumMessageSize: limits.maximumPacketSize,
      mounts: this.#mounts,
      describe: () => this.#describe(),
      isReady: () => this.#isReady,
      handleConnection: (transport, listener, { certificate }, limits) =>
        this.#mqttDoor.open(transport, listener, certificate, limits),
      handleCoapConnection: (socket, listener) => {
        if (this.#coapPart === undefined) socket.destroy();
        else this.#coapPart.accept(socket, listener);
      },
      handleRefusal: (address, listener, label, reason) => {
        this.metrics.connectionsRefused.add(label);
        this.#log.warn({ address, listener, reason }, "connection refused");
      },
    });
    const topicsMount = new TopicsMount(this.#context, options.httpLimits ?? {}, limits.maxTopicLevels);
    this.#parts.push(topicsMount);
    this.#mounts.push(topicsMount);
    if (speaksCoap(options)) {
      this.#coapPart = new CoapPart(this.#context, options.coap || {}, limits.maxTopicLevels);
      this.#mounts.push(this.#coapPart.mount);
    }
    if (options.proxy !== undefined) {
      this.#proxyPart = new ProxyPart(this.#context, options.proxy);
      this.#parts.push(this.#proxyPart);
      this.#mounts.push(this.#proxyPart.mount);
    }
    if (options.pan !== undefined) {
      this.#panPart = new PanPart(this.#context, options.pan, () => this.#coapPart?.door);
      this.#parts.push(this.#panPart);
    }
    if (this.#coapPart !== undefined && options.mirror !== false) {
      const door = () => this.#coapPart?.door;
      this.#parts.push(new MirrorPart(this.#context, options.mirror ?? {}, door, limits.maxTopicLevels));
    }
    this.#parts.push(new SysTopics(this.#context, this.#mqttDoor, options.sys));
    const admin = {
      ...this.#context,
      mqttDoor: this.#mqttDoor,
      publisher: new Publisher(this.#context, limits.maximumPacketSize),
      maximumTopicLevels: limits.maxTopicLevels,
      startedAt: performance.now(),
    };
    if (options.dashboard !== false) this.#mounts.push(new DashboardMount());
    if (options.admin !== false) this.#mounts.push(new AdminMount(admin, options.admin ?? {}));
    const metricsMount = new MetricsMount(admin, options.metrics);
    this.#parts.push(metricsMount);
    this.#mounts.push(metricsMount);
    this.#parts.push(new BridgesPart(admin, options.bridges ?? []));
    if (options.smqtt !== undefined) {
      const smqtt = new SmqttPart(this.#context, options.smqtt, gate);
      this.#parts.push(smqtt);
      this.#mounts.push(smqtt.mount);
    }
    if (options.history !== undefined) {
      const history = new History(this.#context, options.history);
      this.#parts.push(history);
      this.#replays.push(new HistoryReplay(history));
      this.#mounts.push(new HistoryMount(this.#context, history, limits.maxTopicLevels));
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

  /** The CoAP door, over UDP and TCP; undefined when it is closed. */
  get coap(): OpenDoor | undefined {
    const url = this.#coapPart?.door?.url;
    return url === undefined ? undefined : { url };
  }

  /** Where nodes of a network that the hub is the border router of come to, if they come by a socket. */
  get pan(): OpenDoor | undefined {
    const url = this.#panPart?.router?.url;
    return url === undefined ? undefined : { url };
  }

  /** The listeners that are open, in the order of the options. */
  get listeners(): readonly OpenListener[] {
    return this.#listeners.open;
  }

  /**
   * Resolves once the store has failed, if ever: from then on nothing is acknowledged, no client is let
   * in, and the hub is of no more use. What was acknowledged before is safe: close the hub, and start it again when the
   * cause is gone.
   *
   * @example
   * const error = await hub.failed;
   * await hub.close();
   */
  get failed(): Promise<StoreError> {
    return this.#failure.promise;
  }

  /** Says who can connect. */
  get accessSummary(): string {
    return this.#context.access.summary;
  }

  /**
   * Reads users, rules, certificates and keys again, and takes over other settings, as far as a running hub can. Clients
   * stay connected, but for those who are no longer allowed to.
   *
   * @param changes what is left out stays as it is.
   * @returns the names of settings that differ and wait for the next start.
   * @throws ListenError, AccessError, TlsError when something cannot be used: then all is as it was.
   */
  reload(changes: HubOptions = {}): Promise<readonly string[]> {
    const reloaded = this.#reloading.then(() => this.#takeOver({ ...this.#options, ...changes }));
    this.#reloading = reloaded.then(
      () => undefined,
      () => undefined,
    );
    return reloaded;
  }

  /**
   * Reads all that a hub of these options would read before it opens its doors, and opens none.
   *
   * @returns who could connect.
   * @throws AccessError, TlsError, RangeError when it could not start.
   */
  static async check(options: HubOptions): Promise<string> {
    const hub = new Hub(options);
    try {
      const plan = hub.#planOf(options);
      const useAccess = await hub.#access.load(accessOf(options), hub.#accessOf(plan));
      await hub.#listeners.check(plan);
      useAccess();
      return hub.accessSummary;
    } finally {
      await hub.close();
    }
  }

  async #takeOver(options: HubOptions): Promise<readonly string[]> {
    const plan = this.#planOf(options);
    const useAccess = await this.#access.load(accessOf(options), this.#accessOf(plan));
    const useListeners = await this.#listeners.prepare(plan);
    useAccess();
    useListeners();
    const change = takeLive(this.#options, options);
    this.#options = change.options;
    // The door and its clients look them up there.
    Object.assign(this.#limits, change.options.limits);
    const isCoapLate = this.#coapPart === undefined && speaksCoap(options);
    const late = isCoapLate && !change.waiting.includes("coap") ? ["coap"] : [];
    return [...plan.waiting.map((name) => `listeners.${name}`), ...change.waiting, ...late];
  }

  /** A hub that started without CoAP has no door for it behind a listener. */
  #planOf(options: HubOptions): ListenerPlan {
    return this.#listeners.plan(listenersOf(options), (type) => type !== "coaps" || this.#coapPart !== undefined);
  }

  /** Opens the doors; {@link createHub} has done so. */
  async open(): Promise<void> {
    await this.reload();
    await this.#coapPart?.open(await this.#proxyPart?.inFrontOf());
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
    await this.#reloading;
    const listenersClosed = this.#listeners.close();
    this.#ending.abort(new Error("the hub was closed"));
    await Promise.all(this.#parts.map((part) => part.close()));
    await this.#coapPart?.close();
    await this.#mqttDoor.close(CLOSE_GRACE_MS);
    await listenersClosed;
    await this.#listeners.close();
    await this.#closeStore();
  }

  async #closeStore(): Promise<void> {
    try {
      await this.#options.store?.close();
    } catch (error) {
      // Whoever waits for the failure knows of it.
      if (!this.#hasFailed) throw error;
    }
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#isReady = false;
    this.#log.fatal({ err: error }, "the store has failed: nothing is acknowledged any more");
    this.#mqttDoor.fail();
    this.#failure.resolve(error instanceof StoreError ? error : new StoreError(String(error), { cause: error }));
  }

  /** What access has to know of each listener, CoAP's among them. */
  #accessOf({ access }: ListenerPlan): readonly ListenerAccess[] {
    const coap = this.#coapPart?.access;
    return coap === undefined ? access : [...access, coap];
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
    const lines = this.listeners.map(({ type, url }) => {
      switch (type) {
        case "mqtt":
          return `MQTT: ${url}\n`;
        case "coaps":
          return `CoAP over TLS: ${url}\n`;
        case "http":
          return `MQTT over WebSocket: ${url.replace("http", "ws")}/mqtt\n`;
      }
    });
    const coap = this.coap === undefined ? "" : `CoAP: ${this.coap.url}\n`;
    return `isthmus\n\n${lines.join("")}${coap}`;
  }
}

/** The listeners that the options name, in order. */
function listenersOf({ mqtt, http, listeners = [] }: HubOptions): ListenerOptions[] {
  const short: ListenerOptions[] = [];
  if (mqtt !== undefined) short.push({ type: "mqtt", ...mqtt });
  if (http !== undefined) short.push({ type: "http", ...http });
  return [...short, ...listeners];
}

/** Whether CoAP is spoken at all. */
function speaksCoap({ coap, listeners = [] }: HubOptions): boolean {
  return (coap && coap.port !== undefined) || listeners.some(({ type }) => type === "coaps");
}

function accessOf({ access, allowAnonymous, hooks }: HubOptions): AccessOptions {
  // Where a hook decides, whom it says nothing of is a stranger.
  return { allowAnonymous: allowAnonymous ?? (hooks?.authenticate && false), ...access };
}
