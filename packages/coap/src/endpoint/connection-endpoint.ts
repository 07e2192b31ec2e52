import type { Instant } from "@isthmus/machine";
import { MessageFormatError } from "../codec/errors.js";
import type { CoapMessage } from "../codec/message.js";
import { decodeFrameMessage, encodeFrameMessage, encodeStreamMessage, StreamFramer } from "../codec/stream.js";
import { ConnectionLayer } from "./connection-layer.js";
import { DeadlineQueue, Timed } from "./deadline-queue.js";
import { defaultNotificationPolicy, noResources } from "./datagram-endpoint.js";
import type { Address, Endpoint, Peer } from "./endpoint.js";
import { type CommonEndpointOptions, defaultEndpointLimits } from "./endpoint-options.js";
import { ignoreOutcome, type Receipt, type UpperLayer } from "./lower-layer.js";
import { type OutgoingRequest, type Request, RequestError, type ResponseHandler } from "./outgoing.js";
import { Requester } from "./requester.js";
import { Responder } from "./responder.js";

/** What a {@link ConnectionEndpoint} can be told. */
export interface ConnectionEndpointOptions extends CommonEndpointOptions {
  /** How messages are told apart: by their length (TCP, TLS), or one per frame (WebSocket). */
  readonly framing: "stream" | "frame";
  /** The far end, for the upper layer. */
  readonly remote: Address;
  /** What comes back as `peer.context` with each request. Default none. */
  readonly context?: unknown;
  /** Most bytes of one message, each way. Default 1 MiB. */
  readonly maxMessageBytes?: number;
  /**
   * After so long without a word from the peer it is sent a Ping, and after as long again the connection is given up.
   * Default 60,000; 0 for never.
   */
  readonly keepAliveMs?: number;
  /** How long answers are waited for after the peer released the connection. Default 5,000. */
  readonly releaseMs?: number;
}

/** What a connection endpoint wants done; the driver does it. */
export interface ConnectionOutput {
  /** Sends the bytes of one message. */
  write(bytes: Uint8Array): void;
  /** Whether so much waits to be sent that notifications had better wait, and be overtaken by newer ones. */
  isCongested(): boolean;
  /** Closes the connection once what was written is sent; `reason` for the log. */
  close(reason: string): void;
  /** The peer's first CSM is here: what it takes is known. */
  ready(): void;
  /** `handleTimeout` is due at `deadline`, sooner than what was said before. */
  wake(deadline: number): void;
}

/** CoAP over one connection: RFC 8323 with block-wise transfer and observation. Sans-I/O. */
export class ConnectionEndpoint implements Endpoint, UpperLayer<Peer> {
  readonly peer: Peer;
  readonly #options: ConnectionEndpointOptions;
  readonly #output: ConnectionOutput;
  readonly #framer: StreamFramer;
  readonly #maxTokenLength: number;
  readonly #deadlines: DeadlineQueue;
  readonly #layer: ConnectionLayer;
  readonly #responder: Responder<Peer>;
  readonly #requester: Requester<Peer>;
  readonly #keepAlive: KeepAlive;
  #isReleased = false;
  #isClosed = false;

  constructor(options: ConnectionEndpointOptions, output: ConnectionOutput) {
    const { random, remote, context } = options;
    const limits = { ...defaultEndpointLimits, ...options.limits };
    const maxMessageBytes = options.maxMessageBytes ?? 2 ** 20;
    const recognizedOptions = options.recognizedOptions ?? [];
    this.peer = { id: 1, address: remote.address, port: remote.port, isReliable: true, context };
    this.#options = options;
    this.#output = output;
    this.#maxTokenLength = limits.maxTokenLength;
    this.#framer = new StreamFramer({ maxMessageBytes, maxTokenLength: limits.maxTokenLength });
    const deadlines = new DeadlineQueue((deadline) => output.wake(deadline));
    this.#deadlines = deadlines;
    const encode = options.framing === "stream" ? encodeStreamMessage : encodeFrameMessage;
    this.#layer = new ConnectionLayer(
      {
        peer: this.peer,
        write: (message) => {
          const bytes = encode(message);
          options.tap?.handleSent(bytes, remote);
          output.write(bytes);
        },
        isCongested: () => output.isCongested(),
        maxPendingRequests: limits.maxPendingRequests,
        requestRate: options.requestRate,
        maxMessageBytes,
        maxTokenLength: limits.maxTokenLength,
        handleReady: () => output.ready(),
        handleRelease: (now) => this.#handleRelease(now),
        handleAbort: (now, reason) => this.#end(now, reason),
      },
      this,
    );
    const lifetimeMs = 247_000;
    this.#responder = new Responder(
      {
        handler: options.handler ?? noResources,
        random,
        deadlines,
        leisureMs: 0,
        supportsProxying: options.supportsProxying ?? false,
        recognizedOptions,
        maxObservers: limits.maxObservers,
        assembly: { maxBodyBytes: limits.maxBodyBytes, maxTotalBytes: limits.maxAssemblyBytes, lifetimeMs },
        bodies: { maxTotalBytes: limits.maxKeptBytes, lifetimeMs },
        pathPlaces: 64,
        notifications: { ...defaultNotificationPolicy, ...options.notifications },
      },
      this.#layer,
    );
    const responseTimeoutMs = options.responseTimeoutMs ?? lifetimeMs;
    this.#requester = new Requester(
      {
        random,
        deadlines,
        responseTimeoutMs,
        nonResponseTimeoutMs: responseTimeoutMs,
        groupResponseTimeoutMs: responseTimeoutMs,
        maxBodyBytes: limits.maxBodyBytes,
        maxRequests: limits.maxRequests,
        recognizedOptions,
      },
      this.#layer,
    );
    this.#keepAlive = new KeepAlive((now) => this.#handleSilence(now));
  }

  /** The connection is open: sends the CSM. Call it once, first. */
  start(now: Instant): void {
    this.#layer.start();
    this.#restartKeepAlive(now);
  }

  /** Takes in the next bytes of a stream, or one frame. */
  receive(now: Instant, bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#restartKeepAlive(now);
    try {
      if (this.#options.framing === "frame") this.#receiveFrame(now, bytes);
      else this.#receiveStream(now, bytes);
    } catch (error) {
      if (!(error instanceof MessageFormatError)) throw error;
      this.#layer.abort(now, error.message);
    }
    if (this.#isReleased) this.#endIfIdle(now);
  }

  /** The connection was closed by the peer or the network. */
  handleClosed(now: Instant): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#deadlines.clear();
    this.#requester.close(now);
    this.#responder.close(now);
  }

  nextDeadline(): Instant {
    return this.#deadlines.nextDeadline();
  }

  handleTimeout(now: Instant): void {
    this.#deadlines.handleTimeout(now);
  }

  request(now: Instant, _to: Address, request: Request, handler: ResponseHandler): OutgoingRequest {
    return this.#isClosed ? this.#refuse(now, handler) : this.#requester.request(now, this.peer, request, handler);
  }

  ping(now: Instant, _to: Address, handler: ResponseHandler): OutgoingRequest {
    return this.#isClosed ? this.#refuse(now, handler) : this.#requester.ping(now, this.peer, handler);
  }

  /** Releases the connection (RFC 8323 5.5) and closes it. */
  close(now: Instant): void {
    if (this.#isClosed) return;
    this.#layer.signalRelease();
    this.#end(now, "closed");
  }

  /** For the connection layer. */
  handleRequest(now: Instant, peer: Peer, message: CoapMessage, receipt: Receipt): void {
    this.#responder.handleRequest(now, peer, message, receipt);
  }

  /** For the connection layer. */
  handleResponse(now: Instant, peer: Peer, message: CoapMessage): boolean {
    return this.#requester.handleResponse(now, peer, message);
  }

  /** For the connection layer, where there is no Reset. */
  handleReset(): void {}

  #receiveFrame(now: Instant, bytes: Uint8Array): void {
    this.#options.tap?.handleReceived(bytes, this.peer);
    this.#layer.receive(now, decodeFrameMessage(bytes, this.#maxTokenLength));
  }

  #receiveStream(now: Instant, bytes: Uint8Array): void {
    this.#framer.push(bytes);
    for (let message = this.#framer.next(); message !== undefined; message = this.#framer.next()) {
      // Chunks are not messages: what is shown is the message put together again.
      this.#options.tap?.handleReceived(encodeStreamMessage(message), this.peer);
      this.#layer.receive(now, message);
      if (this.#isClosed) return;
    }
  }

  #handleRelease(now: Instant): void {
    this.#isReleased = true;
    this.#deadlines.schedule(this.#keepAlive, now + (this.#options.releaseMs ?? 5_000));
  }

  #endIfIdle(now: Instant): void {
    if (this.#requester.size === 0 && this.#layer.pendingReplies === 0) this.#end(now, "the peer released it");
  }

  #end(now: Instant, reason: string): void {
    if (this.#isClosed) return;
    this.handleClosed(now);
    this.#output.close(reason);
  }

  #restartKeepAlive(now: Instant): void {
    const { keepAliveMs = 60_000 } = this.#options;
    if (this.#isReleased || keepAliveMs === 0) return;
    this.#keepAlive.isPinging = false;
    this.#deadlines.schedule(this.#keepAlive, now + keepAliveMs);
  }

  #handleSilence(now: Instant): void {
    if (this.#isReleased || this.#keepAlive.isPinging) {
      this.#end(now, this.#isReleased ? "the peer released it" : "the peer is silent");
      return;
    }
    this.#keepAlive.isPinging = true;
    this.#deadlines.schedule(this.#keepAlive, now + (this.#options.keepAliveMs ?? 60_000));
    this.#layer.ping(now, this.peer, ignoreOutcome);
  }

  #refuse(now: Instant, handler: ResponseHandler): OutgoingRequest {
    handler.handleEnd(now, new RequestError("closed", "the connection is closed"));
    return { isEnded: true, cancel() {} };
  }
}

/** The timer that runs while the peer says nothing. */
class KeepAlive extends Timed {
  isPinging = false;
  readonly #handleDue: (now: Instant) => void;

  constructor(handleDue: (now: Instant) => void) {
    super();
    this.#handleDue = handleDue;
  }

  handleDue(now: Instant): void {
    this.#handleDue(now);
  }
}
