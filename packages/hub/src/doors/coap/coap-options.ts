import type { EndpointLimits, RequestRate } from "@isthmus/coap";
import type { ListenOptions } from "../../listeners/listener-options.js";

/** Limits of the CoAP door. Every one has a default. */
export interface CoapDoorOptions {
  /** Bytes of a body in blocks, each way. Default 16 MiB, as MQTT's packets. */
  readonly maximumBodySize: number;
  /** Clients that observe, on all transports but connections, which have as many each. Default 65,536. */
  readonly maxObservers: number;
  /** Topics whose newest message waits for one observer of a filter. Default 1,000. */
  readonly maxWaitingTopics: number;
  /** Bytes of topics, payloads and properties that wait for one observer of a filter. Default 1 MiB. */
  readonly maxWaitingBytes: number;
  /** Last values in the answer to a GET of a filter. Default 1,000. */
  readonly maxListedValues: number;
  /** Bytes of them. Default 1 MiB. */
  readonly maxListedBytes: number;
  /** Topics that `/.well-known/core` lists. Default 100. */
  readonly maxListedTopics: number;
  /** Topics of the publish-subscribe collection. Default 10,000. */
  readonly maxPubsubTopics: number;
  /** Connections at the same time, over TCP, TLS and WebSocket each; more are closed at once. Default 16,384. */
  readonly maxConnections: number;
  /** Requests that one peer may make; more are answered 4.29. Default: any number. */
  readonly requestRate: RequestRate | undefined;
  /** Whether many datagrams may share a system call under load, where the system can. Default true. */
  readonly isBatching: boolean;
  /** Further limits of the endpoints, see docs/limits.md. */
  readonly endpoint: Partial<EndpointLimits>;
}

export const COAP_DEFAULTS: CoapDoorOptions = {
  maximumBodySize: 16 * 1024 * 1024,
  maxObservers: 65_536,
  maxWaitingTopics: 1000,
  maxWaitingBytes: 1024 * 1024,
  maxListedValues: 1000,
  maxListedBytes: 1024 * 1024,
  maxListedTopics: 100,
  maxPubsubTopics: 10_000,
  maxConnections: 16_384,
  requestRate: undefined,
  isBatching: true,
  endpoint: {},
};

/** Where CoAP is spoken, over UDP and TCP at the same port, and on what terms. */
export interface CoapListenOptions extends Pick<ListenOptions, "host" | "access"> {
  /**
   * 0 picks a free one. Undefined: neither, CoAP comes in by listeners of type `coaps`, and where there is one by WebSocket; without
   * one the hub speaks no CoAP.
   */
  readonly port?: number | undefined;
  readonly limits?: Partial<CoapDoorOptions> | undefined;
}
