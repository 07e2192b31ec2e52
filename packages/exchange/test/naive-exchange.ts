import * as fc from "fast-check";
import type { Delivery, Message, Receiver, Subscription } from "../src/index.js";

/** A receiver that keeps what it gets. */
export class RecordingReceiver implements Receiver {
  readonly name: string;
  isOnline = true;
  readonly received: { readonly message: Message; readonly delivery: Delivery }[] = [];

  constructor(name: string) {
    this.name = name;
  }

  deliver(message: Message, delivery: Delivery): void {
    this.received.push({ message, delivery });
  }

  topics(): string[] {
    return this.received.map(({ message }) => message.topic);
  }
}

/** Section 4.7 of MQTT 5.0 read literally: levels are compared one by one, from the left. */
export function naiveMatches(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && (filter.startsWith("+") || filter.startsWith("#"))) return false;
  const wanted = filter.split("/");
  const levels = topic.split("/");
  for (const [i, level] of wanted.entries()) {
    if (level === "#") return levels.length >= i;
    if (i >= levels.length) return false;
    if (level !== "+" && level !== levels[i]) return false;
  }
  return wanted.length === levels.length;
}

/** Few levels and few names, so that filters and topics meet often: empty levels and `$` among them. */
const LEVEL = fc.constantFrom("a", "b", "c", "", "$SYS", "ä");

export const TOPIC: fc.Arbitrary<string> = fc
  .array(LEVEL, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/"))
  .filter((topic) => topic !== "");

export const FILTER: fc.Arbitrary<string> = fc
  .tuple(fc.array(fc.oneof(LEVEL, fc.constant("+")), { maxLength: 4 }), fc.boolean())
  .map(([levels, isOpen]) => (isOpen ? [...levels, "#"] : levels).join("/"))
  .filter((filter) => filter !== "");

export interface NaiveDelivery {
  readonly receiver: Receiver;
  readonly qos: number;
  readonly retainAsPublished: boolean;
  readonly identifiers: readonly number[];
}

/** What each receiver is due of `topic`, from a list of all subscriptions. */
export function naiveDeliveries(subscriptions: readonly Subscription[], topic: string): NaiveDelivery[] {
  const matching = subscriptions.filter(
    ({ filter, shareName }) => shareName === undefined && naiveMatches(filter, topic),
  );
  return [...new Set(matching.map(({ receiver }) => receiver))].map((receiver) => {
    const own = matching.filter((each) => each.receiver === receiver);
    return {
      receiver,
      qos: Math.max(...own.map(({ qos }) => qos)),
      retainAsPublished: own.some(({ retainAsPublished }) => retainAsPublished),
      identifiers: own.flatMap(({ identifier }) => identifier ?? []).sort((a, b) => a - b),
    };
  });
}
