import type { Numbered } from "./in-flight-table.js";
import type { Publication } from "./publication.js";

/** Where a QoS 1 or 2 message stands on its way to the client (4.3). */
export type OutboundState = "waiting" | "published" | "released";

/** One QoS 1 or 2 message on its way to one client. */
export class OutboundEntry<M extends Publication> implements Numbered {
  /** May be replaced by an equal one that owns its bytes. */
  message: M;
  readonly qos: 1 | 2;
  readonly retain: boolean;
  readonly identifiers: readonly number[] | undefined;
  state: OutboundState = "waiting";
  /** 0 until it is sent. */
  packetIdentifier = 0;
  order = 0;
  /** True once it may have reached the client, so that it is sent again with DUP. [MQTT-3.3.1-1] */
  isSent = false;
  /** Set by the session: it was sent on an earlier connection and waits for its turn on this one. */
  mustResend = false;
  /** The owner's own: its number in a store; 0 while it is not stored. */
  recordNumber = 0;
  /** The owner's own: the shared group that it came through. */
  readonly tag: unknown;

  constructor(message: M, qos: 1 | 2, retain: boolean, identifiers: readonly number[] | undefined, tag: unknown) {
    this.message = message;
    this.qos = qos;
    this.retain = retain;
    this.identifiers = identifiers;
    this.tag = tag;
  }
}
