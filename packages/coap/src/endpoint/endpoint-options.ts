import type { RandomSource } from "@isthmus/machine";
import type { Address } from "./endpoint.js";
import type { RequestHandler } from "./incoming.js";
import type { NotificationPolicy } from "./server-observation.js";
import type { RequestRate } from "./token-bucket.js";
import type { TransmissionParameters } from "./transmission-parameters.js";

/** The bounds of what an endpoint keeps, whatever its peers do. */
export interface EndpointLimits {
  /** Peers that are remembered. Default 65,536; beyond it the one unused for longest is forgotten. */
  readonly maxPeers: number;
  /** Messages remembered to tell duplicates; a power of two. Default 131,072, which is 4.5 MB when all are used. */
  readonly maxDeduplicationEntries: number;
  /** Bytes of replies kept for duplicates; a power of two. Default 4 MiB. */
  readonly maxDeduplicationBytes: number;
  /** Own messages that wait for their turn (NSTART) with one peer. Default 256. */
  readonly maxQueuedPerPeer: number;
  /** Own messages under way or waiting, with all peers. Default 65,536. */
  readonly maxTransmissions: number;
  /** Requests that were handed to the handler and not answered. Default 16,384; beyond it new ones are dropped. */
  readonly maxPendingRequests: number;
  /** Own requests under way, observations among them. Default 65,536. */
  readonly maxRequests: number;
  /** Clients that observe. Default 65,536; beyond it a registration is answered as a plain request. */
  readonly maxObservers: number;
  /** Bytes of one body in blocks, each way. Default 8 MiB. */
  readonly maxBodyBytes: number;
  /** Bytes of request bodies that are being put together. Default 32 MiB. */
  readonly maxAssemblyBytes: number;
  /** Bytes of responses whose blocks are being fetched. Default 32 MiB. */
  readonly maxKeptBytes: number;
  /** Bytes of a token in what comes in. Default 8; up to 65,804 with peers that speak RFC 8974. */
  readonly maxTokenLength: number;
}

export const defaultEndpointLimits: EndpointLimits = {
  maxPeers: 65_536,
  maxDeduplicationEntries: 131_072,
  maxDeduplicationBytes: 4 * 2 ** 20,
  maxQueuedPerPeer: 256,
  maxTransmissions: 65_536,
  maxPendingRequests: 16_384,
  maxRequests: 65_536,
  maxObservers: 65_536,
  maxBodyBytes: 8 * 2 ** 20,
  maxAssemblyBytes: 32 * 2 ** 20,
  maxKeptBytes: 32 * 2 ** 20,
  maxTokenLength: 8,
};

/** How an endpoint keeps from being used to flood others (RFC 7252 11.3, RFC 9175 2.4). */
export interface AmplificationOptions {
  /**
   * How many times the bytes that came from an unverified address may go to it. Default 3; Infinity for no limit.
   * Larger responses go in small blocks, with a challenge in an Echo option, until the address is verified.
   */
  readonly factor: number;
  /**
   * Bytes that each datagram counts beyond its own: 28 for the headers of IPv4 and UDP, 48 with IPv6, if the factor is
   * to hold on the wire, as RFC 9175 reckons. Default 0, which is stricter.
   */
  readonly headerBytes: number;
  /** Addresses that are not limited. Default: none. */
  readonly isTrusted: (address: Address) => boolean;
}

/** Sees the bytes of each message as it comes and goes: a datagram, a message of a stream, a WebSocket frame. */
export interface Tap {
  handleReceived(bytes: Uint8Array, from: Address): void;
  handleSent(bytes: Uint8Array, to: Address): void;
}

/** What endpoints on all transports can be told. */
export interface CommonEndpointOptions {
  /** Gets the requests that come in. Default: one that answers 4.04. */
  readonly handler?: RequestHandler;
  /** Message ids, tokens, jitter: a strong source, but in tests. */
  readonly random: RandomSource;
  readonly limits?: Partial<EndpointLimits>;
  /** Whether requests for a proxy reach the handler. Default false: they are answered 5.05. */
  readonly supportsProxying?: boolean;
  /** Critical options that the upper layer understands beyond the standard ones. Default none. */
  readonly recognizedOptions?: readonly number[];
  /** Wait for the response to a Confirmable request, in milliseconds. Default EXCHANGE_LIFETIME, 247 s. */
  readonly responseTimeoutMs?: number;
  /** Wait for a response to a Non-confirmable request, in milliseconds. Default NON_LIFETIME, 145 s. */
  readonly nonResponseTimeoutMs?: number;
  readonly notifications?: Partial<NotificationPolicy>;
  /** For packet views and captures. Default none. */
  readonly tap?: Tap;
  /** How many requests one peer may make; more are answered 4.29 with Max-Age (RFC 8516). Default: any number. */
  readonly requestRate?: RequestRate;
}

/** What a {@link DatagramEndpoint} can be told. */
export interface DatagramEndpointOptions extends CommonEndpointOptions {
  readonly parameters?: Partial<TransmissionParameters>;
  /** How long an answer may take to be piggybacked on the acknowledgement, in milliseconds. Default 250. */
  readonly piggybackWindowMs?: number;
  /** Most bytes of a block: 16, 32 ... 1024. Default 1024. */
  readonly blockSizeBytes?: number;
  /** Wait for responses to a request to a group, in milliseconds. Default: the leisure and 2 s. */
  readonly groupResponseTimeoutMs?: number;
  readonly amplification?: Partial<AmplificationOptions>;
}

/** Where a datagram goes: the peer that the endpoint knows there, or the address that a datagram came from. */
export interface Destination extends Address {
  /** For the driver: what it made of the address, to have it at hand the next time. */
  route?: unknown;
}

/** What a datagram endpoint wants done; the driver does it. */
export interface DatagramOutput {
  /**
   * Sends these bytes, which stay as they are, to `to`.
   *
   * @param isReported whether to call `handleUnreachable` when the network refuses them: somebody waits.
   */
  transmit(bytes: Uint8Array, to: Destination, isReported: boolean): void;
  /** `handleTimeout` is due at `deadline`, sooner than what was said before. */
  wake(deadline: number): void;
}
