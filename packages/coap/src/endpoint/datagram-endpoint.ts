import type { Instant } from "@isthmus/machine";
import { Code } from "../codec/codes.js";
import { blockSize, szxForSize } from "../codec/block.js";
import type { CoapMessage } from "../codec/message.js";
import type { DatagramPeer } from "./datagram-peer.js";
import { DeadlineQueue } from "./deadline-queue.js";
import { DeduplicationTable } from "./deduplication.js";
import type { Address, Endpoint } from "./endpoint.js";
import {
  type DatagramEndpointOptions,
  type DatagramOutput,
  defaultEndpointLimits,
  type Destination,
  type Tap,
} from "./endpoint-options.js";
import type { RequestHandler } from "./incoming.js";
import type { Receipt, UpperLayer } from "./lower-layer.js";
import { MessageLayer } from "./message-layer.js";
import { Outbox } from "./outbox.js";
import { type OutgoingRequest, type Request, RequestError, type ResponseHandler } from "./outgoing.js";
import { PeerTable } from "./peer-table.js";
import { Requester } from "./requester.js";
import { Responder } from "./responder.js";
import type { NotificationPolicy } from "./server-observation.js";
import { defaultTransmissionParameters, transmissionTimes } from "./transmission-parameters.js";

/** RFC 7641 4.5: one Confirmable notification in 24 hours at least. */
export const defaultNotificationPolicy: NotificationPolicy = {
  confirmable: "as-registered",
  confirmableIntervalMs: 24 * 3_600_000,
  minIntervalMs: 0,
};

/** Answers all requests 4.04: an endpoint that is a client only. */
export const noResources: RequestHandler = {
  handleRequest(now, request) {
    request.respond(now, { code: Code.NOT_FOUND });
  },
};

/** CoAP over datagrams: RFC 7252 with block-wise transfer, observation and what came after. Sans-I/O. */
export class DatagramEndpoint implements Endpoint, UpperLayer<DatagramPeer> {
  readonly #tap: Tap | undefined;
  readonly #deadlines: DeadlineQueue;
  readonly #peers: PeerTable;
  readonly #deduplication: DeduplicationTable;
  readonly #outbox: Outbox;
  readonly #messages: MessageLayer;
  readonly #responder: Responder<DatagramPeer>;
  readonly #requester: Requester<DatagramPeer>;
  #isClosed = false;

  /** @throws RangeError for options that make no sense, each named. */
  constructor(options: DatagramEndpointOptions, output: DatagramOutput) {
    const { random } = options;
    const limits = { ...defaultEndpointLimits, ...options.limits };
    const parameters = { ...defaultTransmissionParameters, ...options.parameters };
    const times = transmissionTimes(parameters);
    const szx = szxForSize(options.blockSizeBytes ?? 1_024);
    const recognizedOptions = options.recognizedOptions ?? [];
    const { tap } = options;
    this.#tap = tap;
    const transmit = (bytes: Uint8Array, to: Destination, isReported: boolean): void => {
      tap?.handleSent(bytes, to);
      output.transmit(bytes, to, isReported);
    };
    const deadlines = new DeadlineQueue((deadline) => output.wake(deadline));
    this.#deadlines = deadlines;
    this.#peers = new PeerTable(random, limits.maxPeers, times.exchangeLifetimeMs);
    this.#deduplication = new DeduplicationTable({
      maxEntries: limits.maxDeduplicationEntries,
      maxReplyBytes: limits.maxDeduplicationBytes,
    });
    this.#outbox = new Outbox({
      parameters,
      times,
      random,
      deadlines,
      transmit,
      maxQueuedPerPeer: limits.maxQueuedPerPeer,
      maxTransmissions: limits.maxTransmissions,
      amplificationFactor: options.amplification?.factor ?? 3,
      headerBytes: options.amplification?.headerBytes ?? 0,
      isTrusted: options.amplification?.isTrusted ?? (() => false),
    });
    this.#messages = new MessageLayer(
      {
        peers: this.#peers,
        deduplication: this.#deduplication,
        outbox: this.#outbox,
        deadlines,
        times,
        transmit,
        piggybackWindowMs: options.piggybackWindowMs ?? 250,
        maxTokenLength: limits.maxTokenLength,
        maxPendingRequests: limits.maxPendingRequests,
        requestRate: options.requestRate,
        blockLimit: { szx, payloadBytes: blockSize(szx) },
      },
      this,
    );
    this.#responder = new Responder(
      {
        handler: options.handler ?? noResources,
        random,
        deadlines,
        leisureMs: parameters.leisureMs,
        supportsProxying: options.supportsProxying ?? false,
        recognizedOptions,
        maxObservers: limits.maxObservers,
        assembly: {
          maxBodyBytes: limits.maxBodyBytes,
          maxTotalBytes: limits.maxAssemblyBytes,
          lifetimeMs: times.exchangeLifetimeMs,
        },
        bodies: { maxTotalBytes: limits.maxKeptBytes, lifetimeMs: times.exchangeLifetimeMs },
        pathPlaces: 4_096,
        notifications: { ...defaultNotificationPolicy, ...options.notifications },
      },
      this.#messages,
    );
    this.#requester = new Requester(
      {
        random,
        deadlines,
        responseTimeoutMs: options.responseTimeoutMs ?? times.exchangeLifetimeMs,
        nonResponseTimeoutMs: options.nonResponseTimeoutMs ?? times.nonLifetimeMs,
        groupResponseTimeoutMs: options.groupResponseTimeoutMs ?? parameters.leisureMs + 2_000,
        maxBodyBytes: limits.maxBodyBytes,
        maxRequests: limits.maxRequests,
        recognizedOptions,
      },
      this.#messages,
    );
  }

  /** What it holds and what it dropped, for metrics and tests. */
  get counters(): DatagramEndpointCounters {
    return {
      ...this.#messages.counters,
      ...this.#outbox.counters,
      peers: this.#peers.size,
      deduplicationEntries: this.#deduplication.size,
      deduplicationBytes: this.#deduplication.sizeBytes,
      deduplicationEvictions: this.#deduplication.evictions,
      observers: this.#responder.observerCount,
      requests: this.#requester.size,
      pendingRequests: this.#messages.pendingRequests,
      timers: this.#deadlines.size,
    };
  }

  /**
   * Takes in a datagram.
   *
   * @param bytes kept as long as the request lives; must not change.
   * @param isMulticast whether it was sent to a group (RFC 7252 8): the socket that it came on joined one.
   */
  receive(now: Instant, bytes: Uint8Array, from: Address, isMulticast = false): void {
    if (this.#isClosed) return;
    this.#tap?.handleReceived(bytes, from);
    this.#messages.receive(now, bytes, from, isMulticast);
  }

  /** A datagram to `to` could not be sent: what is waited for from there fails. */
  handleUnreachable(now: Instant, to: Address): void {
    const peer = this.#reach(now, to);
    if (peer !== undefined) this.#messages.handleUnreachable(now, peer);
  }

  nextDeadline(): Instant {
    return this.#deadlines.nextDeadline();
  }

  handleTimeout(now: Instant): void {
    this.#deadlines.handleTimeout(now);
  }

  request(now: Instant, to: Address, request: Request, handler: ResponseHandler): OutgoingRequest {
    const peer = this.#reach(now, to);
    return peer === undefined ? this.#refuse(now, handler) : this.#requester.request(now, peer, request, handler);
  }

  ping(now: Instant, to: Address, handler: ResponseHandler): OutgoingRequest {
    const peer = this.#reach(now, to);
    return peer === undefined ? this.#refuse(now, handler) : this.#requester.ping(now, peer, handler);
  }

  close(now: Instant): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#requester.close(now);
    this.#responder.close(now);
    this.#deadlines.clear();
  }

  /** For the message layer. */
  handleRequest(now: Instant, peer: DatagramPeer, message: CoapMessage, receipt: Receipt): void {
    this.#responder.handleRequest(now, peer, message, receipt);
  }

  /** For the message layer. */
  handleResponse(now: Instant, peer: DatagramPeer, message: CoapMessage): boolean {
    return this.#requester.handleResponse(now, peer, message);
  }

  /** For the message layer. */
  handleReset(now: Instant, peer: DatagramPeer, messageId: number): void {
    this.#responder.handleReset(now, peer, messageId);
  }

  #reach(now: Instant, to: Address): DatagramPeer | undefined {
    return this.#isClosed ? undefined : this.#peers.touch(now, to);
  }

  #refuse(now: Instant, handler: ResponseHandler): OutgoingRequest {
    const error = this.#isClosed
      ? new RequestError("closed", "the endpoint is closed")
      : new RequestError("overload", `${this.#peers.size} peers are in use`);
    handler.handleEnd(now, error);
    return { isEnded: true, cancel() {} };
  }
}

/** What a {@link DatagramEndpoint} counts; the first group only grows. */
export interface DatagramEndpointCounters {
  readonly received: number;
  readonly malformed: number;
  readonly duplicates: number;
  readonly ignored: number;
  readonly overload: number;
  readonly retransmissions: number;
  readonly amplificationDrops: number;
  readonly deduplicationEvictions: number;
  readonly deduplicationEntries: number;
  readonly deduplicationBytes: number;
  readonly peers: number;
  readonly observers: number;
  readonly requests: number;
  readonly pendingRequests: number;
  readonly timers: number;
}
