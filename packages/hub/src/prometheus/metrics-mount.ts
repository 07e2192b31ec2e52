import type { Exchange } from "@isthmus/exchange";
import type { MqttDoor } from "../doors/mqtt/mqtt-door.js";
import type { HubPart } from "../hub-context.js";
import type { HttpHandler, HttpMount } from "../listeners/http-mount.js";
import type { Metrics } from "../metrics.js";
import { EventLoopLag } from "./event-loop-lag.js";
import { readGauges } from "./gauges.js";

/** What {@link MetricsMount} tells of. */
export interface Measured {
  readonly exchange: Exchange;
  readonly mqttDoor: MqttDoor;
  readonly metrics: Metrics;
}

/** `/metrics` for Prometheus. What writes it is loaded with the first scrape. */
export class MetricsMount implements HttpMount, HubPart {
  readonly path: string;
  readonly #measured: Measured;
  readonly #eventLoopLag = new EventLoopLag();

  constructor(measured: Measured, path: string) {
    this.#measured = measured;
    this.path = path;
  }

  async load(): Promise<HttpHandler> {
    const [{ CONTENT_TYPE, formatFamilies }, { hubFamilies, processFamilies }] = await Promise.all([
      import("./exposition.js"),
      import("./families.js"),
    ]);
    const { exchange, mqttDoor, metrics } = this.#measured;
    return ({ method }, response) => {
      if (method !== "GET" && method !== "HEAD") {
        response.writeHead(405, { allow: "GET, HEAD" }).end();
        return;
      }
      const families = hubFamilies(metrics, readGauges(exchange, mqttDoor));
      const text = formatFamilies([...families, ...processFamilies(), ...this.#eventLoopLag.read()]);
      response.writeHead(200, { "content-type": CONTENT_TYPE, "cache-control": "no-store" }).end(text);
    };
  }

  async open(): Promise<void> {
    // Nothing runs before the first scrape.
  }

  async close(): Promise<void> {
    this.#eventLoopLag.close();
  }
}
