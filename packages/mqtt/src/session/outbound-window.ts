import { protocolError } from "../codec/errors.js";
import { PacketIdentifiers } from "./packet-identifiers.js";

/** What a message in flight waits for: QoS 1 for PUBACK, QoS 2 for PUBREC and then PUBCOMP (figures 4.1 to 4.3). */
export type AwaitedPacket = "puback" | "pubrec" | "pubcomp";

/** A QoS 1 or 2 message that was sent and is not acknowledged to its end. */
export interface InFlight<M> {
  readonly packetIdentifier: number;
  readonly message: M;
  awaits: AwaitedPacket;
  /** Whether its PUBLISH was sent on this connection: then it takes quota until it is acknowledged to its end. */
  isPublished: boolean;
}

/** What a PUBREC asks for: the PUBREL to send, and the message that it ended. */
export interface PubrecOutcome<M> {
  /** `undefined`: send nothing; otherwise send PUBREL, which says whether the identifier was known. */
  readonly pubrel: "found" | "notFound" | undefined;
  /** The message that the receiver refused: it is no longer in flight. */
  readonly refused: M | undefined;
}

/**
 * The sender's half of QoS 1 and 2 (4.3.2, 4.3.3): which messages are in flight, what each waits for, in which order
 * they are sent again on the next connection, and how many may be under way (4.9).
 *
 * It belongs to the session and outlives connections; {@link open} starts each one. It sends nothing itself: the
 * machine around it asks {@link canSend}, calls {@link add}, and feeds the acknowledgements.
 */
export class OutboundWindow<M> {
  readonly #identifiers: PacketIdentifiers;
  /** In the order of redelivery: PUBLISH as first sent [MQTT-4.6.0-1], PUBREL as PUBREC came in [MQTT-4.6.0-4]. */
  readonly #inFlightById = new Map<number, InFlight<M>>();
  #redelivery: Iterator<InFlight<M>> | undefined;
  #receiveMaximum = 0;
  /** PUBLISH packets sent on this connection that are not acknowledged to their end. */
  #sentCount = 0;
  /** PUBLISH packets of earlier connections that were not sent again yet. */
  #unsentCount = 0;

  /** @param identifiers shared with what else the sender numbers (SUBSCRIBE and UNSUBSCRIBE of a client). */
  constructor(identifiers = new PacketIdentifiers()) {
    this.#identifiers = identifiers;
  }

  /** Messages in flight. */
  get size(): number {
    return this.#inFlightById.size;
  }

  /** Whether one more message may be sent: there is quota (4.9), and nothing older waits to be sent again. */
  get canSend(): boolean {
    return this.#sentCount < this.#receiveMaximum && this.#unsentCount === 0;
  }

  /**
   * A connection begins: all that is in flight is to be sent again. [MQTT-4.4.0-1]
   *
   * @param receiveMaximum of the peer. A PUBREL that is sent again takes none of it (4.9).
   */
  open(receiveMaximum: number): void {
    this.#receiveMaximum = receiveMaximum;
    this.#sentCount = 0;
    this.#unsentCount = 0;
    for (const entry of this.#inFlightById.values()) {
      entry.isPublished = false;
      if (entry.awaits !== "pubcomp") this.#unsentCount++;
    }
    // A copy: what is acknowledged or added while redelivery goes on must not disturb it.
    this.#redelivery = [...this.#inFlightById.values()][Symbol.iterator]();
  }

  /**
   * The next message to be sent again, as PUBLISH with DUP or (awaiting PUBCOMP) as PUBREL; undefined when there is
   * none, or none for now because the quota is used up. To be asked again after each acknowledgement.
   */
  nextRedelivery(): InFlight<M> | undefined {
    while (this.#redelivery && (this.#unsentCount === 0 || this.#sentCount < this.#receiveMaximum)) {
      const next = this.#redelivery.next();
      if (next.done === true) {
        this.#redelivery = undefined;
        return undefined;
      }
      const entry = next.value;
      if (this.#inFlightById.get(entry.packetIdentifier) !== entry) continue;
      if (entry.awaits !== "pubcomp") {
        this.#unsentCount--;
        this.#sentCount++;
        entry.isPublished = true;
      }
      return entry;
    }
    return undefined;
  }

  /**
   * Puts a message in flight and returns its packet identifier; undefined when none is free. The caller sends the
   * PUBLISH at once, having asked {@link canSend}.
   */
  add(message: M, qos: 1 | 2): number | undefined {
    const packetIdentifier = this.#identifiers.take();
    if (packetIdentifier === undefined) return undefined;
    const awaits = qos === 1 ? "puback" : "pubrec";
    this.#inFlightById.set(packetIdentifier, { packetIdentifier, message, awaits, isPublished: true });
    this.#sentCount++;
    return packetIdentifier;
  }

  /** @returns the message that is delivered; undefined when the identifier is not in flight. */
  receivePuback(packetIdentifier: number): M | undefined {
    return this.#complete(packetIdentifier, "puback");
  }

  receivePubrec(packetIdentifier: number, reasonCode: number): PubrecOutcome<M> {
    const entry = this.#inFlightById.get(packetIdentifier);
    if (!entry) return { pubrel: reasonCode < 0x80 ? "notFound" : undefined, refused: undefined };
    if (reasonCode >= 0x80) return { pubrel: undefined, refused: this.#complete(packetIdentifier, "pubrec") };
    if (entry.awaits === "puback") throw unexpected("pubrec", entry);
    if (entry.awaits === "pubrec") {
      if (!entry.isPublished) this.#unsentCount--;
      entry.awaits = "pubcomp";
      // To the end of the order: PUBRELs go out again as their PUBRECs came in. [MQTT-4.6.0-4]
      this.#inFlightById.delete(packetIdentifier);
      this.#inFlightById.set(packetIdentifier, entry);
    }
    return { pubrel: "found", refused: undefined };
  }

  /** @returns the message that is delivered; undefined when the identifier is not in flight. */
  receivePubcomp(packetIdentifier: number): M | undefined {
    return this.#complete(packetIdentifier, "pubcomp");
  }

  /** Takes out a message that cannot be sent after all, whatever it waits for. */
  withdraw(packetIdentifier: number): void {
    const entry = this.#inFlightById.get(packetIdentifier);
    if (entry) this.#remove(entry);
  }

  /** The peer lost the session: nothing is in flight any more. Returns what was, in the order of redelivery. */
  clear(): InFlight<M>[] {
    const lost = [...this.#inFlightById.values()];
    for (const { packetIdentifier } of lost) this.#identifiers.release(packetIdentifier);
    this.#inFlightById.clear();
    this.#redelivery = undefined;
    this.#sentCount = 0;
    this.#unsentCount = 0;
    return lost;
  }

  #complete(packetIdentifier: number, packet: AwaitedPacket): M | undefined {
    const entry = this.#inFlightById.get(packetIdentifier);
    if (!entry) return undefined;
    if (entry.awaits !== packet) throw unexpected(packet, entry);
    this.#remove(entry);
    return entry.message;
  }

  #remove({ packetIdentifier, awaits, isPublished }: InFlight<M>): void {
    this.#inFlightById.delete(packetIdentifier);
    this.#identifiers.release(packetIdentifier);
    // A PUBREL that was sent again took no quota, and gives none back. (4.9)
    if (isPublished) this.#sentCount--;
    else if (awaits !== "pubcomp") this.#unsentCount--;
  }
}

function unexpected(packet: AwaitedPacket, entry: InFlight<unknown>): Error {
  return protocolError(
    `${packet.toUpperCase()} for packet identifier ${entry.packetIdentifier}, which awaits ${entry.awaits.toUpperCase()}`,
  );
}
