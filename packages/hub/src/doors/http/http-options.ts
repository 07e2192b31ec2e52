import type { RequestRate } from "@isthmus/coap";

/** Limits of `/topics` on all HTTP listeners. Every one has a default. */
export interface HttpDoorOptions {
  /** Bytes of a request's body: a message, or a batch of them. Default 16 MiB, as MQTT's packets. */
  readonly maximumBodySize: number;
  /** Messages of a batch. Default 10,000. */
  readonly maxBatchLines: number;
  /** Last values in the answer to a GET of a filter, or topics in the list of all. Default 1,000. */
  readonly maxListedValues: number;
  /** Bytes of them. Default 4 MiB. */
  readonly maxListedBytes: number;
  /** Event streams and WebSockets at the same time. Default 10,000. */
  readonly maxStreams: number;
  /** The same of one client: a user, or an address where nobody names one. Default 100. */
  readonly maxStreamsPerClient: number;
  /** Different filters that streams follow, those included that somebody may come back to. Default 1,000. */
  readonly maxStreamFilters: number;
  /** Messages of a filter that are kept for streams that are behind, or come back. Default 1,000. */
  readonly maxKeptEvents: number;
  /** Bytes of them. Default 4 MiB; the newest message is kept even if it is larger. */
  readonly maxKeptEventBytes: number;
  /**
   * Bytes of them, of all filters; a message counts once, however many filters match it. Default 64 MiB: the oldest make
   * room, and a message that takes more alone is not kept.
   */
  readonly maxTotalEventBytes: number;
  /** Bytes that are written ahead to a stream. Default 256 KiB. */
  readonly maxStreamBufferBytes: number;
  /** How long messages of a filter go on being kept for streams that come back, in milliseconds. Default 60,000. */
  readonly resumeWindowMs: number;
  /** After how long a silent stream gets a sign of life, in milliseconds. Default 15,000. */
  readonly streamKeepAliveMs: number;
  /** Requests that one client may make; more are answered 429. Default: any number. */
  readonly requestRate: RequestRate | undefined;
}

export const HTTP_DEFAULTS: HttpDoorOptions = {
  maximumBodySize: 16 * 1024 * 1024,
  maxBatchLines: 10_000,
  maxListedValues: 1000,
  maxListedBytes: 4 * 1024 * 1024,
  maxStreams: 10_000,
  maxStreamsPerClient: 100,
  maxStreamFilters: 1000,
  maxKeptEvents: 1000,
  maxKeptEventBytes: 4 * 1024 * 1024,
  maxTotalEventBytes: 64 * 1024 * 1024,
  maxStreamBufferBytes: 256 * 1024,
  resumeWindowMs: 60_000,
  streamKeepAliveMs: 15_000,
  requestRate: undefined,
};
