import type { Subscription } from "@isthmus/exchange";
import {
  ReasonCode,
  reasonName,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from "@isthmus/mqtt/codec";
import { toReasonString } from "@isthmus/mqtt/session";
import { parseSharedFilter, parseTopicFilter, TopicSyntaxError } from "@isthmus/mqtt/topics";
import { MqttProtocolError } from "@isthmus/mqtt/codec";
import type { Identity, Refusal } from "../../access/access.js";
import type { MqttDoor } from "./mqtt-door.js";
import type { Backlog, MqttSession } from "./mqtt-session.js";

/** What a SUBSCRIBE comes to: the reason codes of SUBACK, and the retained messages to be sent behind it. */
interface SubscribeOutcome {
  readonly reasonCodes: readonly number[];
  /** Why filters were refused, in words; undefined when none was. */
  readonly reasonString: string | undefined;
  readonly backlogs: readonly Backlog[];
}

/**
 * Carries out a SUBSCRIBE (3.8): each filter by itself, so that one refusal does not touch the others.
 *
 * @param verdicts what hooks have made of each request.
 */
export function subscribe(
  door: MqttDoor,
  session: MqttSession,
  identity: Identity,
  packet: SubscribePacket,
  verdicts: readonly (SubscriptionRequest | Refusal)[] = packet.subscriptions,
): SubscribeOutcome {
  const identifier = packet.properties?.subscriptionIdentifiers?.[0];
  const backlogs: Backlog[] = [];
  const refusals: string[] = [];
  const refuse = ({ topicFilter }: SubscriptionRequest, reasonCode: number, reason = wordsOf(reasonCode)): number => {
    door.handleSubscribeRefused(session, topicFilter, reasonCode);
    refusals.push(`${topicFilter}: ${reason}`);
    return reasonCode;
  };
  const reasonCodes = packet.subscriptions.map((asked, index) => {
    const request = verdicts[index] ?? asked;
    if ("reasonCode" in request) return refuse(asked, request.reasonCode, request.reason);
    const parsed = parseFilter(request.topicFilter, door.options.maxTopicLevels);
    if (parsed === undefined) return refuse(request, ReasonCode.topicFilterInvalid);
    // [MQTT-3.8.3-4]
    if (parsed.shareName !== undefined && request.noLocal) {
      throw new MqttProtocolError(ReasonCode.protocolError, `no local with the shared filter ${request.topicFilter}`);
    }
    const source = door.replays?.find(({ prefix }) => parsed.filter.startsWith(prefix));
    const subject = source === undefined ? parsed.filter : parsed.filter.slice(source.prefix.length);
    if (subject === "") return refuse(request, ReasonCode.topicFilterInvalid);
    if (!door.access.maySubscribe(identity, subject)) {
      return refuse(request, ReasonCode.notAuthorized);
    }
    const known = session.subscriptionByFilter.get(request.topicFilter);
    if (known === undefined && session.subscriptionByFilter.size >= door.options.maxSubscriptionsPerClient) {
      return refuse(request, ReasonCode.quotaExceeded);
    }
    const { qos } = request;
    // Before MQTT 5.0 a bridge can ask for neither, and needs both: that is what its bit of the protocol level says.
    const isBridge = session.connection?.isBridge === true;
    const noLocal = request.noLocal || (isBridge && parsed.shareName === undefined);
    const retainAsPublished = request.retainAsPublished || isBridge;
    const subscription: Subscription = { receiver: session, ...parsed, qos, noLocal, retainAsPublished, identifier };
    session.subscriptionByFilter.set(request.topicFilter, subscription);
    door.exchange.subscribe(subscription);
    session.journal?.saveSubscription(session, request.topicFilter, subscription);
    if (wantsRetained(request, subscription, known !== undefined)) {
      if (known !== undefined) session.dropBacklog(known);
      const messages = source?.replay(subject) ?? door.exchange.scanRetained(parsed.filter, door.clock.epoch);
      backlogs.push({ messages, subscription, isDropped: false });
    }
    return qos;
  });
  const reasonString = refusals.length === 0 ? undefined : toReasonString(refusals.join("; "));
  return { reasonCodes, reasonString, backlogs };
}

/** Carries out an UNSUBSCRIBE (3.10). @returns the reason codes of UNSUBACK. */
export function unsubscribe(door: MqttDoor, session: MqttSession, packet: UnsubscribePacket): number[] {
  return packet.topicFilters.map((topicFilter) => {
    const subscription = session.subscriptionByFilter.get(topicFilter);
    if (subscription === undefined) return ReasonCode.noSubscriptionExisted;
    session.subscriptionByFilter.delete(topicFilter);
    session.dropBacklog(subscription);
    session.journal?.removeSubscription(session, topicFilter);
    door.exchange.unsubscribe(session, subscription.filter, subscription.shareName);
    return ReasonCode.success;
  });
}

/** [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; a shared subscription gets none (4.8.2). */
function wantsRetained(request: SubscriptionRequest, subscription: Subscription, isKnown: boolean): boolean {
  if (subscription.shareName !== undefined || request.retainHandling === 2) return false;
  return request.retainHandling === 0 || !isKnown;
}

function parseFilter(text: string, maxLevels: number): Pick<Subscription, "filter" | "shareName"> | undefined {
  try {
    const shared = parseSharedFilter(text, { maximumLevels: maxLevels });
    if (shared !== undefined) return { filter: shared.topicFilter, shareName: shared.shareName };
    return { filter: parseTopicFilter(text, { maximumLevels: maxLevels }), shareName: undefined };
  } catch (error) {
    if (error instanceof TopicSyntaxError) return undefined;
    throw error;
  }
}

/** `topic filter invalid` */
function wordsOf(reasonCode: number): string {
  return (reasonName(reasonCode, "suback") ?? "refused").replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
