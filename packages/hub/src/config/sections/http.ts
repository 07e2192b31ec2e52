import { z } from "zod";
import { HTTP_DEFAULTS } from "../../doors/http/http-options.js";
import { sizeBytesOr } from "./values.js";

const door = HTTP_DEFAULTS;

const count = (standard: number) => z.int().min(1).default(standard);

const requestRate = z.strictObject({
  per_second: z.number().positive().describe("in the long run"),
  burst: z.int().min(1).describe("at once, after a pause"),
});

/** `http`: limits of `/topics`; where HTTP is spoken is among `listeners`. */
export const httpSection = z.strictObject({
  maximum_body_size: sizeBytesOr(door.maximumBodySize).describe("bytes of a request's body"),
  max_batch_lines: count(door.maxBatchLines).describe("messages of a batch"),
  max_listed_values: count(door.maxListedValues).describe("last values in the answer to a GET of a filter"),
  max_listed_bytes: sizeBytesOr(door.maxListedBytes).describe("the same in bytes"),
  max_streams: count(door.maxStreams).describe("event streams and WebSockets at the same time"),
  max_streams_per_client: count(door.maxStreamsPerClient).describe("the same of one user, or of one address"),
  max_stream_filters: count(door.maxStreamFilters).describe("different filters that streams follow"),
  max_kept_events: count(door.maxKeptEvents).describe("messages of a filter kept for streams that come back"),
  max_kept_event_bytes: sizeBytesOr(door.maxKeptEventBytes).describe("the same in bytes"),
  max_total_event_bytes: sizeBytesOr(door.maxTotalEventBytes).describe("the same in bytes, of all filters"),
  max_stream_buffer_bytes: sizeBytesOr(door.maxStreamBufferBytes).describe("bytes that are written ahead to a stream"),
  resume_window_ms: count(door.resumeWindowMs).describe("milliseconds that messages are kept for streams"),
  stream_keep_alive_ms: count(door.streamKeepAliveMs).describe("milliseconds of silence until a sign of life"),
  request_rate: requestRate.optional().describe("requests that one client may make; default: any number"),
});
