import type { Instant } from "@isthmus/machine";
import type { ConnectionEndpoint } from "../endpoint/connection-endpoint.js";
import type { Address, Endpoint } from "../endpoint/endpoint.js";

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

/** An endpoint on a connection. */
export interface ConnectionTransport extends Transport {
  readonly endpoint: ConnectionEndpoint;
  /** The far end: what requests go to. */
  readonly remote: Address;
  /** Settles when the connection is closed, by whomever, with the reason. */
  readonly closed: Promise<string>;
}

/** A socket that connections come in on; each gets an endpoint, and all share one handler. */
export interface Listener {
  readonly scheme: string;
  /** Where it listens. */
  readonly address: Address;
  /** The connections that are open. */
  readonly connections: ReadonlySet<ConnectionTransport>;
  now(): Instant;
  /** Closes all connections and the socket; idempotent. */
  close(): Promise<void>;
}
