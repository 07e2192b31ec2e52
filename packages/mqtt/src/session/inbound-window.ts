import { MqttProtocolError } from "../codec/errors.js";
import { ReasonCode } from "../codec/reason-codes.js";

/**
 * The receiver's half of QoS 1 and 2 (4.3.2, 4.3.3): which QoS 2 messages were taken over and wait for PUBREL, and
 * how many messages the sender has under way on this connection (4.9).
 *
 * It belongs to the session and outlives connections; {@link open} starts each one.
 */
export class InboundWindow {
  readonly #receiveMaximum: number;
  /** QoS 2 messages that were passed on: a PUBLISH of the same identifier before PUBREL is the same message. */
  readonly #unreleased: Set<number>;
  /** Received on this connection and not acknowledged to the end. */
  readonly #open = new Set<number>();

  /**
   * @param receiveMaximum that the sender was told: one message more is its fault.
   * @param unreleased identifiers of a session that is taken up again.
   */
  constructor(receiveMaximum: number, unreleased: Iterable<number> = []) {
    this.#receiveMaximum = receiveMaximum;
    this.#unreleased = new Set(unreleased);
  }

  /** The QoS 2 identifiers that wait for PUBREL: session state (4.1). */
  get unreleased(): ReadonlySet<number> {
    return this.#unreleased;
  }

  /** A connection begins. */
  open(): void {
    this.#open.clear();
  }

  /**
   * Takes note of a QoS 1 or 2 PUBLISH.
   *
   * @returns whether it is to be passed on; false for a QoS 2 message that already was. [MQTT-4.3.3-10]
   * @throws MqttProtocolError 0x93 when the sender exceeds the receive maximum. [MQTT-3.3.4-9]
   */
  receivePublish(packetIdentifier: number, qos: 1 | 2): boolean {
    this.#open.add(packetIdentifier);
    if (this.#open.size > this.#receiveMaximum) {
      throw new MqttProtocolError(
        ReasonCode.receiveMaximumExceeded,
        `${this.#open.size} messages in flight exceed the receive maximum of ${this.#receiveMaximum}`,
      );
    }
    if (qos === 1) return true;
    if (this.#unreleased.has(packetIdentifier)) return false;
    this.#unreleased.add(packetIdentifier);
    return true;
  }

  /** PUBACK is sent for it, or a PUBREC that refuses it: the message is done with. */
  acknowledge(packetIdentifier: number): void {
    this.#open.delete(packetIdentifier);
    this.#unreleased.delete(packetIdentifier);
  }

  /** @returns whether the identifier was known; PUBCOMP follows either way. [MQTT-4.3.3-11] */
  receivePubrel(packetIdentifier: number): boolean {
    this.#open.delete(packetIdentifier);
    return this.#unreleased.delete(packetIdentifier);
  }

  /** The peer lost the session. */
  clear(): void {
    this.#unreleased.clear();
    this.#open.clear();
  }
}
