import {
  type AcknowledgementFrame,
  ReasonCode,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
  writePubcomp,
  writePubrel,
} from "@isthmus/mqtt/codec";
import type { Refusal } from "../../access/access.js";
import type { MqttConnection } from "./mqtt-connection.js";
import type { MqttDoor } from "./mqtt-door.js";
import type { MqttSession } from "./mqtt-session.js";
import { subscribe, unsubscribe } from "./subscribe.js";

/** What a client asks of its session on one connection: subscriptions, and the steps of QoS 1 and 2 (3.4 to 3.11). */
export class RequestIntake {
  readonly #door: MqttDoor;
  readonly #connection: MqttConnection;
  readonly #session: MqttSession;

  constructor(door: MqttDoor, connection: MqttConnection, session: MqttSession) {
    this.#door = door;
    this.#connection = connection;
    this.#session = session;
  }

  receiveAcknowledgement({ type, packetIdentifier, reasonCode }: AcknowledgementFrame): void {
    const connection = this.#connection;
    const { flow } = this.#session;
    const now = this.#door.clock.epoch;
    connection.storeFirst();
    switch (type) {
      case "puback":
        flow.handlePuback(packetIdentifier, now);
        break;
      case "pubrec": {
        const answer = flow.handlePubrec(packetIdentifier, reasonCode, now);
        if (answer !== undefined) connection.acknowledge(writePubrel, packetIdentifier, answer);
        break;
      }
      case "pubrel": {
        const isKnown = flow.release(packetIdentifier);
        // [MQTT-4.3.3-11]
        const answer = isKnown ? ReasonCode.success : ReasonCode.packetIdentifierNotFound;
        connection.acknowledge(writePubcomp, packetIdentifier, answer);
        break;
      }
      case "pubcomp":
        flow.handlePubcomp(packetIdentifier, now);
        break;
    }
    if (flow.waitingCount === 0) this.#session.pump();
  }

  receiveSubscribe(packet: SubscribePacket): void {
    const { hooks } = this.#door;
    const connection = this.#connection;
    const verdicts = hooks?.subscribe(connection.hookClient, packet.subscriptions) ?? packet.subscriptions;
    if (verdicts instanceof Promise) connection.awaitVerdict(verdicts.then((known) => this.#subscribe(packet, known)));
    else this.#subscribe(packet, verdicts);
  }

  receiveUnsubscribe(packet: UnsubscribePacket): void {
    const connection = this.#connection;
    const reasonCodes = unsubscribe(this.#door, this.#session, packet);
    for (const [index, topicFilter] of packet.topicFilters.entries()) {
      if (reasonCodes[index] === ReasonCode.success)
        this.#door.hooks?.tellUnsubscribed(connection.hookClient, topicFilter);
    }
    connection.storeFirst();
    connection.send({ type: "unsuback", packetIdentifier: packet.packetIdentifier, reasonCodes });
  }

  #subscribe(packet: SubscribePacket, verdicts: readonly (SubscriptionRequest | Refusal)[]): void {
    const connection = this.#connection;
    const session = this.#session;
    // The session may be another connection's by now.
    if (connection.session !== session) return;
    const { reasonCodes, reasonString, backlogs } = subscribe(
      this.#door,
      session,
      connection.identity,
      packet,
      verdicts,
    );
    connection.storeFirst();
    const properties = reasonString === undefined ? undefined : { reasonString };
    connection.send({ type: "suback", packetIdentifier: packet.packetIdentifier, reasonCodes, properties });
    session.deliverRetained(backlogs);
  }
}
