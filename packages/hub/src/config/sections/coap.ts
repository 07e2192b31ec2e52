import { z } from "zod";
import { COAP_DEFAULTS } from "../../doors/coap/coap-options.js";
import { sizeBytes, sizeBytesOr } from "./values.js";

const door = COAP_DEFAULTS;

const count = (standard: number) => z.int().min(1).default(standard);

/** The protocol's own defaults hold: docs/limits.md tells them. */
const endpointLimits = z.strictObject({
  max_peers: z.int().min(1).optional().describe("peers that are remembered"),
  max_deduplication_entries: z
    .int()
    .min(1)
    .optional()
    .describe("messages remembered to tell duplicates; a power of two"),
  max_deduplication_bytes: sizeBytes().optional().describe("bytes of replies kept for duplicates; a power of two"),
  max_queued_per_peer: z.int().min(1).optional().describe("own messages that wait for their turn with a peer"),
  max_transmissions: z.int().min(1).optional().describe("own messages under way or waiting"),
  max_pending_requests: z.int().min(1).optional().describe("requests that were not answered yet"),
  max_requests: z.int().min(1).optional().describe("own requests under way"),
  max_assembly_bytes: sizeBytes().optional().describe("bytes of bodies that are being put together"),
  max_kept_bytes: sizeBytes().optional().describe("bytes of responses whose blocks are being fetched"),
  max_token_length: z.int().min(8).max(65_804).optional().describe("bytes of a token"),
});

const requestRate = z.strictObject({
  per_second: z.number().positive().describe("in the long run"),
  burst: z.int().min(1).describe("at once, after a pause"),
});

/** `coap`: limits of the CoAP door; where it listens is among `listeners`. */
export const coapSection = z.strictObject({
  maximum_body_size: sizeBytesOr(door.maximumBodySize).describe("bytes of a body in blocks, each way"),
  max_observers: count(door.maxObservers).describe("clients that observe; a connection has as many of its own"),
  max_waiting_topics: count(door.maxWaitingTopics).describe(
    "topics whose newest message waits for one observer of a filter",
  ),
  max_waiting_bytes: sizeBytesOr(door.maxWaitingBytes).describe("the same in bytes"),
  max_listed_values: count(door.maxListedValues).describe("last values in the answer to a GET of a filter"),
  max_listed_bytes: sizeBytesOr(door.maxListedBytes).describe("the same in bytes"),
  max_listed_topics: count(door.maxListedTopics).describe("topics that `/.well-known/core` lists"),
  max_pubsub_topics: count(door.maxPubsubTopics).describe("topics of the publish-subscribe collection"),
  max_connections: count(door.maxConnections).describe(
    "connections at the same time, over TCP, TLS and WebSocket each",
  ),
  request_rate: requestRate.optional().describe("requests that one peer may make; more are answered 4.29"),
  is_batching: z
    .boolean()
    .default(door.isBatching)
    .describe("whether many datagrams may share a system call under load: on Linux, by the package `koffi`"),
  endpoint: endpointLimits.prefault({}).describe("limits of the protocol's machine"),
});
