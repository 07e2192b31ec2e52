import type { Instant } from "@isthmus/machine";
import type { Endpoint } from "../endpoint/endpoint.js";

/** An endpoint with the socket or connection that it runs on. */
export interface Transport {
  /** The URI scheme that it serves: `coap`, `coap+tcp`, `coaps+tcp`, `coap+ws`, `coaps+ws`. */
  readonly scheme: string;
  readonly endpoint: Endpoint;
  /** The instant to pass to the endpoint, to requests and to subjects: the same clock for all transports. */
  now(): Instant;
  /** Closes the endpoint, then the socket; idempotent, settles when the socket is closed. */
  close(): Promise<void>;
}
