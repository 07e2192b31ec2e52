import { parseSharedFilter, parseTopicFilter, parseTopicName, topicMatches } from "@isthmus/mqtt/topics";
import type { MqttSession } from "../doors/mqtt/mqtt-session.js";
import type { AdminContext } from "./admin-context.js";
import { viewLoss } from "./message-view.js";
import { stateOf } from "./client-routes.js";

/** One subscription of a client, and whether a topic is for it. */
interface Match {
  readonly topicFilter: string;
  readonly matches: boolean;
  readonly qos: number;
  readonly shareName: string | undefined;
  readonly noLocal: boolean;
}

/** Subscriptions that are listed beside those that match. */
const MAX_OTHERS = 20;

/** Why a message on `topic` did not get to a client, as far as the hub can tell. */
export function reportDelivery({ mqttDoor, access }: AdminContext, clientId: string, topicName: string): object {
  const topic = parseTopicName(topicName);
  const refused = mqttDoor.refusals.losses(topic).map(viewLoss);
  const session = mqttDoor.findSession(clientId);
  if (session === undefined) {
    const reason = `${clientId} is not connected and has no session: nothing waits for it`;
    return { reasons: [reason, ...refusalReasons(refused)], refused, dropped: [], subscriptions: [] };
  }
  const matches = matchesOf(session, topic);
  const dropped = session.losses?.losses(topic).map(viewLoss) ?? [];
  const mayRead = session.identity === undefined || access.mayRead(session.identity, topic);
  const reasons = [
    ...subscriptionReasons(session, matches),
    ...(mayRead ? [] : [`the rules do not let ${session.identity?.user ?? "it"} read ${topic}`]),
    ...stateReasons(session, matches),
    ...(dropped.length > 0 ? ["messages on this topic were dropped: see dropped"] : []),
    ...refusalReasons(refused),
  ];
  return {
    reasons: reasons.length > 0 ? reasons : ["nothing stands in the way: messages on this topic are sent to it"],
    client: {
      state: stateOf(session),
      mayRead,
      queuedMessages: session.flow.waitingCount,
      inFlightMessages: session.flow.inFlightCount,
      isLagging: session.isLagging,
    },
    subscriptions: [...matches.filter((each) => each.matches), ...matches.filter((each) => !each.matches)].slice(
      0,
      matches.filter((each) => each.matches).length + MAX_OTHERS,
    ),
    dropped,
    refused,
  };
}

function matchesOf({ subscriptionByFilter }: MqttSession, topic: ReturnType<typeof parseTopicName>): Match[] {
  return Array.from(subscriptionByFilter, ([topicFilter, { qos, shareName, noLocal }]) => {
    const filter = parseSharedFilter(topicFilter)?.topicFilter ?? parseTopicFilter(topicFilter);
    return { topicFilter, matches: topicMatches(filter, topic), qos, shareName, noLocal };
  });
}

function subscriptionReasons({ clientId }: MqttSession, matches: readonly Match[]): string[] {
  const matching = matches.filter((match) => match.matches);
  if (matching.length === 0) return [`none of its ${matches.length} subscriptions matches the topic`];
  const reasons: string[] = [];
  if (matching.every(({ shareName }) => shareName !== undefined)) {
    reasons.push("it shares the subscription: another member may have got the message");
  }
  if (matching.every(({ noLocal }) => noLocal)) {
    reasons.push(`it has asked for no local: what ${clientId} publishes itself it does not get`);
  }
  return reasons;
}

function stateReasons({ connection, flow, isLagging }: MqttSession, matches: readonly Match[]): string[] {
  const reasons: string[] = [];
  const qos = Math.max(...matches.filter((match) => match.matches).map((match) => match.qos));
  if (connection === undefined) {
    reasons.push(
      qos === 0
        ? "it is away, and has subscribed with QoS 0: nothing is kept for it"
        : "it is away: messages with QoS 1 and 2 wait for it, those with QoS 0 do not",
    );
  }
  if (isLagging) reasons.push("it takes its messages too slowly: those with QoS 0 are dropped");
  if (flow.waitingCount > 0) {
    reasons.push(
      `${flow.waitingCount} messages wait for it, behind ${flow.inFlightCount} that it has not acknowledged`,
    );
  }
  return reasons;
}

function refusalReasons(refused: readonly object[]): string[] {
  return refused.length > 0 ? ["messages on this topic were not taken from their publishers: see refused"] : [];
}
