import type { MqttDoor } from "../doors/mqtt/mqtt-door.js";
import type { HubContext, HubPart } from "../hub-context.js";
import type { HttpHandler, HttpMount } from "../listeners/http-mount.js";
import { EventLoopLag } from "./event-loop-lag.js";

/** Who may see `/metrics`. */
export interface MetricsOptions {
  /** Whether anybody may who reaches the HTTP door. Default false: administrators, as in the management API. */
  readonly isPublic?: boolean | undefined;
}

/** What {@link MetricsMount} tells of. */
export interface Measured extends HubContext {
  readonly mqttDoor: MqttDoor;
}

/** `/metrics` for Prometheus. What writes it is loaded with the first scrape. */
export class MetricsMount implements HttpMount, HubPart {
  readonly path = "/metrics";
  readonly #measured: Measured;
  readonly #isPublic: boolean;
  readonly #eventLoopLag = new EventLoopLag();

  constructor(measured: Measured, { isPublic = false }: MetricsOptions = {}) {
    this.#measured = measured;
    this.#isPublic = isPublic;
  }

  async load(): Promise<HttpHandler> {
    const { metricsHandler } = await import("./metrics-handler.js");
    return metricsHandler(this.#measured, this.#eventLoopLag, this.#isPublic);
  }

  async open(): Promise<void> {
    // Nothing runs before the first scrape.
  }

  async close(): Promise<void> {
    this.#eventLoopLag.close();
  }
}
