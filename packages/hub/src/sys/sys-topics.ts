import { encodeUtf8 } from "@isthmus/bytes";
import { createMessage } from "@isthmus/exchange";
import type { MqttDoor } from "../doors/mqtt/mqtt-door.js";
import type { HubContext, HubPart } from "../hub-context.js";
import { readGauges } from "../prometheus/gauges.js";
import { LOAD_MINUTES, LoadAverage } from "./load-average.js";
import { loadCounts, sysValues } from "./sys-values.js";

/** How the status topics below `$SYS/broker/` are kept. */
export interface SysOptions {
  /** Milliseconds from one look to the next. Default 10,000; 0: no status topics. */
  readonly intervalMs?: number | undefined;
}

const PREFIX = "$SYS/broker/";
const DEFAULT_INTERVAL_MS = 10_000;

/** Publishes the state of the hub below `$SYS/broker/`, retained, what has changed since the last time. */
export class SysTopics implements HubPart {
  readonly #context: HubContext;
  readonly #mqttDoor: Pick<MqttDoor, "sessions">;
  readonly #intervalMs: number;
  readonly #startedAt: number;
  readonly #loads = new Map<string, LoadAverage>();
  readonly #published = new Map<string, string>();
  #updatedAt: number;
  #maximumClients = 0;
  #maximumHeapBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: HubContext, mqttDoor: Pick<MqttDoor, "sessions">, options: SysOptions = {}) {
    this.#context = context;
    this.#mqttDoor = mqttDoor;
    this.#intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS;
    this.#startedAt = this.#updatedAt = context.clock.tick().monotonic;
  }

  async open(): Promise<void> {
    if (this.#intervalMs === 0) return;
    this.update();
    this.#timer = setInterval(() => this.update(), this.#intervalMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
  }

  /** Looks at the hub, and publishes what has changed. */
  update(): void {
    const { exchange, metrics, clock } = this.#context;
    const now = clock.tick().monotonic;
    const gauges = readGauges(exchange, this.#mqttDoor);
    const { heapUsed } = process.memoryUsage();
    this.#maximumClients = Math.max(this.#maximumClients, gauges.connectedClients);
    this.#maximumHeapBytes = Math.max(this.#maximumHeapBytes, heapUsed);
    const values = sysValues({
      metrics,
      gauges,
      uptimeMs: now - this.#startedAt,
      maximumClients: this.#maximumClients,
      heap: { currentBytes: heapUsed, maximumBytes: this.#maximumHeapBytes },
    });
    for (const [name, value] of Object.entries(values)) this.#publish(name, value);
    this.#updateLoads(now - this.#updatedAt);
    this.#updatedAt = now;
    this.#context.flushScheduler.arm();
  }

  #updateLoads(elapsedMs: number): void {
    for (const [name, count] of Object.entries(loadCounts(this.#context.metrics))) {
      const load = this.#loads.get(name) ?? new LoadAverage();
      this.#loads.set(name, load);
      if (elapsedMs > 0) load.update(count, elapsedMs);
      for (const [at, minutes] of LOAD_MINUTES.entries()) {
        this.#publish(`load/${name}/${minutes}min`, (load.averages[at] ?? 0).toFixed(2));
      }
    }
  }

  #publish(name: string, value: string): void {
    if (this.#published.get(name) === value) return;
    this.#published.set(name, value);
    const { exchange, clock } = this.#context;
    const topic = `${PREFIX}${name}`;
    const message = createMessage({ topic, payload: encodeUtf8(value), retain: true, publishedAt: clock.epoch });
    exchange.publishMessage(message);
  }
}
