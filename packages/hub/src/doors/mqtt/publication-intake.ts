import type { Message, QoS, Topic } from "@isthmus/exchange";
import {
  MqttProtocolError,
  type Properties,
  type PublishFrame,
  ReasonCode,
  writePuback,
  writePubrec,
} from "@isthmus/mqtt/codec";
import type { Refusal } from "../../access/access.js";
import type { HookRunner } from "../../hooks/hook-runner.js";
import type { MqttConnection } from "./mqtt-connection.js";
import type { MqttDoor } from "./mqtt-door.js";
import { messageFromFrame, type MqttMessage } from "./mqtt-message.js";
import type { MqttSession } from "./mqtt-session.js";
import { PublishRun } from "./publish-run.js";
import { TopicAliases } from "./topic-aliases.js";

/** The way of what one client publishes to the exchange: whose topic it is, whether it may be, and what is answered. */
export class PublicationIntake {
  readonly #door: MqttDoor;
  readonly #connection: MqttConnection;
  readonly #session: MqttSession;
  #run: PublishRun | undefined;
  #aliases: TopicAliases | undefined;
  /** The topic last published to, and whether that is allowed. */
  #lastTopic: Topic | undefined;
  #isLastAllowed = false;
  /** As of which version of the access rules. */
  #accessVersion = 0;

  constructor(door: MqttDoor, connection: MqttConnection, session: MqttSession) {
    this.#door = door;
    this.#connection = connection;
    this.#session = session;
  }

  /** Takes a PUBLISH; one that only lengthens a run waits for {@link publishRun}. */
  receive(frame: PublishFrame): void {
    const isPlain = frame.qos === 0 && !frame.retain && frame.propertiesStart === frame.propertiesEnd;
    if (isPlain && this.#run !== undefined && this.#run.count > 0 && this.#run.extend(frame)) return;
    this.publishRun();
    this.#publish(frame);
  }

  /** Publishes the run: what comes next is no part of it. */
  publishRun(): void {
    const run = this.#run;
    if (run === undefined || run.count === 0) return;
    this.#door.traffic.messagesReceived[0] += run.count;
    this.#door.traffic.payloadBytesReceived += run.payloadBytes;
    this.#door.exchange.publishRun(run);
    run.finish();
  }

  #publish(frame: PublishFrame): void {
    const properties = frame.propertiesStart === frame.propertiesEnd ? undefined : frame.properties();
    const topic = this.#resolveTopic(frame, properties);
    this.#door.checkPublication(frame, properties);
    const { hooks } = this.#door;
    if (!this.#mayPublish(topic)) this.#refuse(frame, topic);
    else if (hooks?.sees(topic.name) === true) this.#publishThroughHook(hooks, frame, topic, properties);
    else if (frame.qos !== 0 || frame.retain || mustChange(properties)) this.#publishAlone(frame, topic, properties);
    else {
      this.#run ??= new PublishRun(this.#session.origin, this.#connection.version, frame, topic);
      this.#run.begin(frame, topic, this.#door.clock.epoch);
    }
  }

  /** The verdict is remembered for the topic last published to. */
  #mayPublish(topic: Topic): boolean {
    const { access } = this.#door;
    const { version } = access;
    if (topic !== this.#lastTopic || version !== this.#accessVersion) {
      this.#lastTopic = topic;
      this.#accessVersion = version;
      this.#isLastAllowed = access.mayPublish(this.#connection.identity, topic);
    }
    return this.#isLastAllowed;
  }

  #publishAlone(frame: PublishFrame, topic: Topic, properties: Properties | undefined): void {
    const { qos, packetIdentifier } = frame;
    if (qos === 2 && !this.#receiveOnce(packetIdentifier)) return;
    this.#deliver(topic, this.#messageFrom(frame, topic, properties), qos, packetIdentifier);
  }

  /** A hook sees the message first. What it takes its time for holds this client alone. */
  #publishThroughHook(hooks: HookRunner, frame: PublishFrame, topic: Topic, properties: Properties | undefined): void {
    const { qos, packetIdentifier } = frame;
    if (qos === 2 && this.#session.flow.hasReceived(packetIdentifier)) {
      // It was seen when it came before.
      this.#receiveOnce(packetIdentifier);
      return;
    }
    const conclude = (verdict: Message | Refusal): void => {
      // The session may be another connection's by now: there it is published again, if it must arrive.
      if (this.#connection.session !== this.#session) return;
      if ("reasonCode" in verdict) {
        this.#door.handlePublishRefused(this.#connection, topic, "hook", verdict.reason);
        this.#acknowledgeRefused(qos, packetIdentifier, verdict);
      } else if (qos !== 2 || this.#receiveOnce(packetIdentifier)) {
        const isSameTopic = verdict.topic === topic.name;
        const target = isSameTopic ? topic : this.#door.exchange.topics.internName(verdict.topic);
        this.#deliver(target, verdict, qos, packetIdentifier);
      }
    };
    const verdict = hooks.publish(this.#connection.hookClient, this.#messageFrom(frame, topic, properties));
    if (verdict instanceof Promise) this.#connection.awaitVerdict(verdict.then(conclude));
    else conclude(verdict);
  }

  #messageFrom(frame: PublishFrame, topic: Topic, properties: Properties | undefined): MqttMessage {
    return messageFromFrame(frame, topic, properties, this.#session.origin, this.#door.clock.epoch);
  }

  /** @param qos that the client published with, and is answered for. */
  #deliver(topic: Topic, message: Message, qos: QoS, packetIdentifier: number): void {
    this.#door.traffic.messagesReceived[qos]++;
    this.#door.traffic.payloadBytesReceived += message.payloadBytes;
    const receivers = this.#door.exchange.publish(topic, message);
    if (qos === 0) return;
    const reasonCode = receivers === 0 ? ReasonCode.noMatchingSubscribers : ReasonCode.success;
    this.#connection.acknowledge(qos === 1 ? writePuback : writePubrec, packetIdentifier, reasonCode);
  }

  /** @returns false when this QoS 2 message came before: it is acknowledged again and not published. [MQTT-4.3.3-10] */
  #receiveOnce(packetIdentifier: number): boolean {
    const { flow } = this.#session;
    if (!flow.receive(packetIdentifier)) {
      this.#connection.acknowledge(writePubrec, packetIdentifier, ReasonCode.success);
      return false;
    }
    if (flow.inboundCount > this.#door.options.receiveMaximum) {
      throw new MqttProtocolError(
        ReasonCode.receiveMaximumExceeded, // [MQTT-3.3.4-7]
        `more than ${this.#door.options.receiveMaximum} QoS 2 messages are not released`,
      );
    }
    return true;
  }

  #refuse({ qos, packetIdentifier }: PublishFrame, topic: Topic): void {
    this.#door.handlePublishRefused(this.#connection, topic, "not-authorized", "not authorized");
    const reason = `not authorized to publish to ${topic.name}`;
    this.#acknowledgeRefused(qos, packetIdentifier, { reasonCode: ReasonCode.notAuthorized, reason });
  }

  #acknowledgeRefused(qos: QoS, packetIdentifier: number, { reasonCode, reason }: Refusal): void {
    const connection = this.#connection;
    if (qos === 0) return;
    if (connection.version === 5) {
      connection.acknowledgeRefused(qos === 1 ? "puback" : "pubrec", packetIdentifier, reasonCode, reason);
    } else {
      // There is no way to say no but to close, so it is acknowledged and not published. [MQTT-3.3.5-2] of MQTT 3.1.1
      connection.acknowledge(qos === 1 ? writePuback : writePubrec, packetIdentifier, ReasonCode.success);
    }
  }

  #resolveTopic(frame: PublishFrame, properties: Properties | undefined): Topic {
    const { bytes, topicStart, topicEnd } = frame;
    const alias = properties?.topicAlias;
    if (topicStart === topicEnd && alias === undefined && this.#connection.version === 5) {
      throw new MqttProtocolError(ReasonCode.protocolError, "neither a topic name nor a topic alias"); // 3.3.2.3.4
    }
    if (alias !== undefined) this.#aliases ??= new TopicAliases(this.#door.options.topicAliasMaximum);
    if (topicStart === topicEnd && alias !== undefined && this.#aliases !== undefined) return this.#aliases.get(alias);
    const last = this.#lastTopic;
    const topic = last?.equals(bytes, topicStart, topicEnd)
      ? last
      : this.#door.exchange.topics.intern(bytes, topicStart, topicEnd);
    if (alias !== undefined) this.#aliases?.set(alias, topic);
    return topic;
  }
}

/** Properties that do not go out as they came in. */
function mustChange(properties: Properties | undefined): boolean {
  return properties?.topicAlias !== undefined || properties?.messageExpiryInterval !== undefined;
}
