import type { Instant } from "@isthmus/machine";
import type { Address, Peer } from "./endpoint.js";
import type { Destination } from "./endpoint-options.js";
import { MessageIdSequence } from "./message-id-sequence.js";
import type { TokenBucket } from "./token-bucket.js";
import type { Transmission } from "./transmission.js";

/** What the message layer keeps of another endpoint. */
export class DatagramPeer implements Peer, Destination {
  readonly isReliable = false;
  readonly id: number;
  readonly address: string;
  readonly port: number;
  readonly messageIds: MessageIdSequence;

  /** See {@link Destination}. */
  route: unknown = undefined;
  lastSeenAt: Instant;
  /** Things that need this peer to stay known: transmissions, observations, requests under way. */
  holds = 0;

  /** Whether the peer proved that it receives at its address; until then it gets few bytes (RFC 9175 2.4). */
  isVerified = false;
  receivedBytes = 0;
  sentBytes = 0;
  /** The Echo value that it is asked to return. */
  challenge: Uint8Array | undefined;

  /** Interactions that count against NSTART. */
  outstandingCount = 0;
  /** Own messages that may yet be acknowledged or reset, by message id. */
  outstanding: Map<number, Transmission> | undefined;
  /** Waiting for NSTART or a message id, in order. */
  readonly queue: Transmission[] = [];

  /** What its requests are counted with, when their rate is limited. */
  requestBucket: TokenBucket | undefined;

  /** Neighbours in the order of use, for the table. */
  newer: DatagramPeer | undefined;
  older: DatagramPeer | undefined;

  constructor(id: number, { address, port }: Address, firstMessageId: number, now: Instant) {
    this.id = id;
    this.address = address;
    this.port = port;
    this.messageIds = new MessageIdSequence(firstMessageId);
    this.lastSeenAt = now;
  }
}
