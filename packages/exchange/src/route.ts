import type { QoS } from "./message.js";
import type { Receiver, Subscription } from "./subscription.js";

/** What one receiver is due of one topic: all its matching subscriptions merged into one. */
export interface Delivery {
  readonly receiver: Receiver;
  /** The highest QoS among the matching subscriptions. [MQTT-3.3.4-2] */
  readonly qos: QoS;
  readonly retainAsPublished: boolean;
  /** The identifiers of all matching subscriptions that have one. [MQTT-3.3.4-3] */
  readonly identifiers: readonly number[] | undefined;
  /** What is due of a message that the receiver itself published; undefined: nothing (no local). [MQTT-3.8.3-3] */
  readonly whenOwn: Delivery | undefined;
  /** The group whose turn this is, for a shared subscription: another member can take over what stays undelivered. */
  readonly group: SharedGroup | undefined;
}

/** Where the messages of one topic go, as of one version of the subscription index. */
export interface Route {
  /** The version of the index that it was compiled from. */
  readonly version: number;
  readonly deliveries: readonly Delivery[];
  readonly shared: readonly SharedGroup[];
}

/** The members of one shared subscription, who take turns. */
export class SharedGroup {
  readonly name: string;
  readonly filter: string;
  readonly #deliveryByReceiver = new Map<Receiver, Delivery>();
  /** The members in order of arrival, for taking turns; made anew after a change. */
  #members: Delivery[] | undefined;
  #next = 0;

  constructor(name: string, filter: string) {
    this.name = name;
    this.filter = filter;
  }

  get size(): number {
    return this.#deliveryByReceiver.size;
  }

  /** What each member is due. */
  get members(): Iterable<Delivery> {
    return this.#deliveryByReceiver.values();
  }

  /** @returns true when the receiver was not a member yet. */
  add(subscription: Subscription): boolean {
    const isNew = !this.#deliveryByReceiver.has(subscription.receiver);
    this.#deliveryByReceiver.set(subscription.receiver, { ...mergeSubscriptions([subscription]), group: this });
    this.#members = undefined;
    return isNew;
  }

  /** @returns false when the receiver was not a member. */
  remove(receiver: Receiver): boolean {
    this.#members = undefined;
    return this.#deliveryByReceiver.delete(receiver);
  }

  /**
   * The member whose turn it is: the next one that is online, else the next one at all. [MQTT-4.8.2-4]
   *
   * @param topic passes over members that may not get it.
   */
  pick(except?: Receiver, topic?: string): Delivery | undefined {
    this.#members ??= [...this.#deliveryByReceiver.values()];
    const members = this.#members;
    const first = this.#next;
    let away: Delivery | undefined;
    for (let tried = 0; tried < members.length; tried++) {
      const index = (first + tried) % members.length;
      const member = members[index];
      if (member === undefined || member.receiver === except) continue;
      if (away !== undefined && !member.receiver.isOnline) continue;
      if (topic !== undefined && member.receiver.mayReceive?.(topic) === false) continue;
      this.#next = index + 1;
      if (member.receiver.isOnline) return member;
      away = member;
    }
    return away;
  }
}

/** Merges the subscriptions of one receiver that match one topic. @throws RangeError when there is none. */
export function mergeSubscriptions(subscriptions: readonly Subscription[]): Delivery {
  const delivery = combine(subscriptions);
  const local = subscriptions.filter(({ noLocal }) => !noLocal);
  if (local.length === subscriptions.length) delivery.whenOwn = delivery;
  else if (local.length > 0) delivery.whenOwn = mergeSubscriptions(local);
  return delivery;
}

function combine(subscriptions: readonly Subscription[]): Mutable<Delivery> {
  const [first] = subscriptions;
  if (first === undefined) throw new RangeError("no subscription to merge");
  let qos: QoS = 0;
  let retainAsPublished = false;
  let identifiers: number[] | undefined;
  for (const subscription of subscriptions) {
    if (subscription.qos > qos) qos = subscription.qos;
    if (subscription.retainAsPublished) retainAsPublished = true;
    if (subscription.identifier !== undefined) (identifiers ??= []).push(subscription.identifier);
  }
  return { receiver: first.receiver, qos, retainAsPublished, identifiers, whenOwn: undefined, group: undefined };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
