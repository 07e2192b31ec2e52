import { readUint16 } from "@isthmus/bytes";
import { type Instant, NEVER } from "@isthmus/machine";
import { BERT_SZX, MAX_SZX, szxForSize } from "../codec/block.js";
import { Code, isRequestCode, isSignalingCode } from "../codec/codes.js";
import { type CoapMessage, NO_BYTES } from "../codec/message.js";
import { Options } from "../codec/options.js";
import {
  applyCsm,
  baseCapabilities,
  type Capabilities,
  findBadSignalingOption,
  SignalingOption,
  signalingOptionName,
} from "../codec/signaling.js";
import type { Peer } from "./endpoint.js";
import type { BlockLimit, Delivery, DeliveryListener, LowerLayer, Receipt, UpperLayer } from "./lower-layer.js";

import { type RequestRate, TokenBucket } from "./token-bucket.js";

/** What the layer under a connection's request-response layer is made of. */
export interface ConnectionLayerOptions {
  readonly peer: Peer;
  /** Sends one message. */
  readonly write: (message: CoapMessage) => void;
  /** Whether so much waits to be sent that notifications had better wait, and be overtaken by newer ones. */
  readonly isCongested: () => boolean;
  /** Requests that may wait for their answer; more are answered 5.03. */
  readonly maxPendingRequests: number;
  /** How many requests the peer may make; undefined for any number. */
  readonly requestRate: RequestRate | undefined;
  /** Most bytes of one message, each way. */
  readonly maxMessageBytes: number;
  readonly maxTokenLength: number;
  /** The peer's capabilities are known: requests may go out. */
  readonly handleReady: () => void;
  /** The peer will close the connection and wants no new requests (RFC 8323 5.5). */
  readonly handleRelease: (now: Instant) => void;
  /** The connection is over: one side aborted it. */
  readonly handleAbort: (now: Instant, reason: string) => void;
}

/** Bytes that a message takes beyond a block of its payload: code, token, path, queries. */
const MESSAGE_OVERHEAD = 128;
/** RFC 8323 6: BERT is for peers that take larger messages than the base value. */
const BERT_THRESHOLD = 1_152;
/** A message is on its way for sure; nothing is reported on it. */
const SENT: Delivery = { settle() {} };

/** Signaling, and messages without types and ids: RFC 8323 5. One connection, one peer. */
export class ConnectionLayer implements LowerLayer<Peer> {
  readonly isReliable = true;
  readonly #options: ConnectionLayerOptions;
  readonly #upper: UpperLayer<Peer>;
  readonly #pingListeners = new Map<number, DeliveryListener>();
  readonly #receipt: Receipt;
  #requestBucket: TokenBucket | undefined;
  #pingCount = 0;
  /** Requests that were handed on and not answered. */
  #pendingReplies = 0;
  #capabilities: Capabilities = baseCapabilities;
  #isReady = false;
  #isReleased = false;

  constructor(options: ConnectionLayerOptions, upper: UpperLayer<Peer>) {
    this.#options = options;
    this.#upper = upper;
    // Nothing tells one request's way back from another's: the token, which the upper layer keeps, is all.
    this.#receipt = {
      isConfirmable: true,
      isMulticast: false,
      reply: (_now, message) => {
        this.#pendingReplies--;
        options.write(message);
      },
      ignore: () => this.#pendingReplies--,
      withhold: () => this.#pendingReplies--,
      reject: () => this.#pendingReplies--,
    };
  }

  /** Requests that wait for their answer. */
  get pendingReplies(): number {
    return this.#pendingReplies;
  }

  /** What the peer can do, as far as it said. */
  get capabilities(): Capabilities {
    return this.#capabilities;
  }

  /** Sends the CSM, the first message each way (RFC 8323 5.3). */
  start(): void {
    const { maxMessageBytes, maxTokenLength } = this.#options;
    const { MAX_MESSAGE_SIZE, BLOCK_WISE_TRANSFER, EXTENDED_TOKEN_LENGTH } = SignalingOption.CSM;
    let options = Options.of([MAX_MESSAGE_SIZE, maxMessageBytes], [BLOCK_WISE_TRANSFER, NO_BYTES]);
    if (maxTokenLength > 8) options = options.with(EXTENDED_TOKEN_LENGTH, maxTokenLength);
    this.#signal(Code.CSM, options);
  }

  receive(now: Instant, message: CoapMessage): void {
    // RFC 8323 3.2: Empty messages MUST be ignored by the recipient.
    if (message.code === Code.EMPTY) return;
    if (!this.#isReady && message.code !== Code.CSM && message.code !== Code.ABORT) {
      // RFC 8323 5.3: a CSM MUST be sent as the first message.
      this.abort(now, "the first message is not a CSM");
    } else if (isSignalingCode(message.code)) {
      this.#receiveSignal(now, message);
    } else if (isRequestCode(message.code)) {
      this.#receiveRequest(now, message);
    } else {
      // A response that nobody waits for: on a reliable transport it is just dropped.
      this.#upper.handleResponse(now, this.#options.peer, message);
    }
  }

  send(_now: Instant, _peer: Peer, message: CoapMessage): Delivery | undefined {
    if (this.#isReleased && isRequestCode(message.code)) return undefined;
    this.#options.write(message);
    return SENT;
  }

  sendNotification(_now: Instant, _peer: Peer, message: CoapMessage): number {
    if (this.#options.isCongested()) return -1;
    this.#options.write(message);
    return 0;
  }

  sendToGroup(_now: Instant, _peer: Peer, message: CoapMessage): void {
    this.#options.write(message);
  }

  ping(_now: Instant, _peer: Peer, listener: DeliveryListener): Delivery | undefined {
    const key = this.#pingCount;
    this.#pingCount = (key + 1) & 0xffff;
    const token = Uint8Array.of(key >>> 8, key & 0xff);
    this.#pingListeners.set(key, listener);
    this.#options.write({ code: Code.PING, token, options: Options.NONE, payload: NO_BYTES });
    return { settle: () => this.#pingListeners.delete(key) };
  }

  admit(now: Instant): number {
    const { requestRate } = this.#options;
    if (requestRate === undefined) return 0;
    this.#requestBucket ??= new TokenBucket(now, requestRate);
    return this.#requestBucket.take(now);
  }

  sendAllowance(): number {
    return NEVER;
  }

  challenge(): undefined {
    return undefined;
  }

  receiveEcho(): void {
    // A connection proves the address.
  }

  blockLimit(): BlockLimit {
    const { maxMessageBytes, supportsBlockWise } = this.#capabilities;
    const payloadBytes = Math.max(16, Math.min(maxMessageBytes, this.#options.maxMessageBytes) - MESSAGE_OVERHEAD);
    const canBert = supportsBlockWise && maxMessageBytes > BERT_THRESHOLD;
    return { szx: canBert ? BERT_SZX : Math.min(MAX_SZX, szxForSize(payloadBytes)), payloadBytes };
  }

  hold(): void {
    // The peer lives as long as the connection.
  }

  release(): void {
    // The peer lives as long as the connection.
  }

  /** Tells the peer that the connection will be closed once what is under way is done (RFC 8323 5.5). */
  signalRelease(): void {
    this.#signal(Code.RELEASE, Options.NONE);
  }

  /** Ends the connection because the peer broke the protocol (RFC 8323 5.6). */
  abort(now: Instant, diagnostic: string, options = Options.NONE): void {
    const payload = Uint8Array.from(diagnostic, (character) => character.charCodeAt(0) & 0x7f);
    this.#options.write({ code: Code.ABORT, token: NO_BYTES, options, payload });
    this.#options.handleAbort(now, diagnostic);
  }

  #receiveRequest(now: Instant, message: CoapMessage): void {
    if (this.#pendingReplies >= this.#options.maxPendingRequests) {
      const { token } = message;
      this.#options.write({ code: Code.SERVICE_UNAVAILABLE, token, options: Options.NONE, payload: NO_BYTES });
      return;
    }
    this.#pendingReplies++;
    this.#upper.handleRequest(now, this.#options.peer, message, this.#receipt);
  }

  #receiveSignal(now: Instant, message: CoapMessage): void {
    const { code, options, token } = message;
    const bad = findBadSignalingOption(options);
    if (bad !== undefined) {
      // RFC 8323 5.3, 5.6.1: the Abort names the option of a CSM that was not understood.
      const details = code === Code.CSM ? Options.of([SignalingOption.ABORT.BAD_CSM_OPTION, bad]) : Options.NONE;
      this.abort(now, `option ${signalingOptionName(code, bad)} is not understood`, details);
      return;
    }
    if (code === Code.CSM) {
      this.#capabilities = applyCsm(this.#capabilities, options);
      if (!this.#isReady) this.#options.handleReady();
      this.#isReady = true;
    } else if (code === Code.PING) {
      // RFC 8323 5.4: the Pong has the Ping's token, and its Custody: all before it was dealt with, in order.
      this.#options.write({ code: Code.PONG, token, options, payload: NO_BYTES });
    } else if (code === Code.PONG) {
      this.#receivePong(now, token);
    } else if (code === Code.RELEASE) {
      this.#isReleased = true;
      this.#options.handleRelease(now);
    } else if (code === Code.ABORT) {
      this.#options.handleAbort(now, "the peer aborted the connection");
    }
    // RFC 8323 5.1: others are ignored.
  }

  #receivePong(now: Instant, token: Uint8Array): void {
    const key = this.#pingOf(token);
    if (key === undefined) return;
    const listener = this.#pingListeners.get(key);
    this.#pingListeners.delete(key);
    listener?.handleAcknowledged(now);
  }

  /** RFC 8323 5.4: a Pong has its Ping's token. One without (libcoap's) is taken for the oldest Ping. */
  #pingOf(token: Uint8Array): number | undefined {
    if (token.length === 2) return readUint16(token, 0);
    if (token.length > 0) return undefined;
    for (const oldest of this.#pingListeners.keys()) return oldest;
    return undefined;
  }

  #signal(code: number, options: Options): void {
    this.#options.write({ code, token: NO_BYTES, options, payload: NO_BYTES });
  }
}
