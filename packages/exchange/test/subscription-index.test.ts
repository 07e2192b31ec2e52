import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Delivery, type Receiver, type Subscription, SubscriptionIndex } from "../src/index.js";
import { FILTER, naiveDeliveries, naiveMatches, RecordingReceiver, TOPIC } from "./naive-exchange.js";

const RECEIVERS = ["r0", "r1", "r2", "r3"].map((name) => new RecordingReceiver(name));

const SUBSCRIPTION: fc.Arbitrary<Subscription> = fc.record({
  receiver: fc.constantFrom<Receiver>(...RECEIVERS),
  filter: FILTER,
  shareName: fc.option(fc.constantFrom("s", "t"), { nil: undefined, freq: 3 }),
  qos: fc.constantFrom(0, 1, 2),
  noLocal: fc.boolean(),
  retainAsPublished: fc.boolean(),
  identifier: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
});

const STEP = fc.record({ isAdd: fc.boolean(), subscription: SUBSCRIPTION });

function isSame(a: Subscription, b: Subscription): boolean {
  return a.receiver === b.receiver && a.filter === b.filter && a.shareName === b.shareName;
}

function plain(deliveries: readonly Delivery[]): unknown[] {
  return deliveries.map(({ receiver, qos, retainAsPublished, identifiers }) => ({
    receiver,
    qos,
    retainAsPublished,
    identifiers: [...(identifiers ?? [])].sort((a, b) => a - b),
  }));
}

function byName(deliveries: unknown[]): unknown[] {
  return RECEIVERS.flatMap((receiver) =>
    // Both sides are objects with a receiver.
    deliveries.filter((each) => (each as { receiver: Receiver }).receiver === receiver),
  );
}

describe("any series of subscribing and unsubscribing", () => {
  test("routes each topic as a list of all subscriptions does", () => {
    fc.assert(
      fc.property(
        fc.array(STEP, { maxLength: 60 }),
        fc.array(TOPIC, { minLength: 1, maxLength: 12 }),
        (steps, topics) => {
          const index = new SubscriptionIndex();
          let model: Subscription[] = [];
          for (const { isAdd, subscription } of steps) {
            const known = model.some((each) => isSame(each, subscription));
            if (isAdd) expect(index.add(subscription)).toBe(!known);
            else expect(index.remove(subscription.receiver, subscription.filter, subscription.shareName)).toBe(known);
            model = model.filter((each) => !isSame(each, subscription));
            if (isAdd) model.push(subscription);
            expect(index.size).toBe(model.length);
          }
          for (const topic of topics) expectRoute(index, model, topic);
        },
      ),
      { numRuns: 2000 },
    );
  });

  function expectRoute(index: SubscriptionIndex, model: readonly Subscription[], topic: string): void {
    const route = index.compile(topic);
    expect(byName(plain(route.deliveries))).toEqual(byName(naiveDeliveries(model, topic)));

    // What is due of a receiver's own message: the same from the subscriptions that want local ones.
    const local = model.filter(({ noLocal }) => !noLocal);
    const own = route.deliveries.flatMap(({ whenOwn }) => whenOwn ?? []);
    expect(byName(plain(own))).toEqual(byName(naiveDeliveries(local, topic)));

    const shared = model.filter(({ filter, shareName }) => shareName !== undefined && naiveMatches(filter, topic));
    const groups = [...new Set(shared.map(({ filter, shareName }) => `${shareName}:${filter}`))].sort();
    expect(route.shared.map(({ name, filter }) => `${name}:${filter}`).sort()).toEqual(groups);
    for (const group of route.shared) {
      const members = shared.filter(({ filter, shareName }) => shareName === group.name && filter === group.filter);
      expect(group.size).toBe(members.length);
    }
  }

  test("changes the version if and only if the subscriptions change", () => {
    const [receiver] = RECEIVERS;
    if (receiver === undefined) throw new Error("no receiver");
    const index = new SubscriptionIndex();
    const subscription = { receiver, filter: "a/+", qos: 0, noLocal: false, retainAsPublished: false } as const;
    const versions = [index.version];
    index.add(subscription);
    versions.push(index.version);
    index.add({ ...subscription, qos: 1 });
    versions.push(index.version);
    index.remove(receiver, "a/+");
    versions.push(index.version);
    expect(new Set(versions).size).toBe(4);
    expect(index.remove(receiver, "a/+")).toBe(false);
    expect(index.remove(receiver, "a/b/c/#")).toBe(false);
    expect(index.remove(receiver, "a/+", "group")).toBe(false);
    expect(index.version).toBe(versions.at(-1));
  });
});

describe("the examples of section 4.7", () => {
  test.each([
    [
      "sport/tennis/player1/#",
      ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/a/b"],
      ["sport/tennis", "sport/tennis/player2"],
    ],
    ["sport/#", ["sport", "sport/", "sport/tennis"], ["sports", "/sport"]],
    ["#", ["a", "/", "a/b/c"], ["$SYS", "$SYS/monitor"]],
    ["+", ["finance", "sport"], ["/finance", "a/b", "$SYS"]],
    ["+/+", ["/finance", "a/b", "/"], ["finance", "$SYS/a", "a/b/c"]],
    ["/+", ["/finance", "/"], ["finance"]],
    ["+/tennis/#", ["sport/tennis", "/tennis/x"], ["tennis", "$SYS/tennis"]],
    ["sport/+/player1", ["sport/tennis/player1", "sport//player1"], ["sport/player1", "sport/a/b/player1"]],
    ["$SYS/#", ["$SYS", "$SYS/monitor/Clients"], ["SYS"]],
    ["$SYS/monitor/+", ["$SYS/monitor/Clients"], ["$SYS/monitor"]],
    ["ACCOUNTS", ["ACCOUNTS"], ["Accounts", "ACCOUNTS/", "/ACCOUNTS"]],
    [
      "house/+/temperature",
      ["house/living-room/temperature", "house/kitchen/temperature"],
      ["house/door", "house/a/b/temperature"],
    ],
  ])("%s matches what it should and nothing else", (filter, matching, others) => {
    const receiver = new RecordingReceiver("r");
    const index = new SubscriptionIndex();
    index.add({ receiver, filter, qos: 0, noLocal: false, retainAsPublished: false });
    for (const topic of matching) expect([topic, index.compile(topic).deliveries.length]).toEqual([topic, 1]);
    for (const topic of others) expect([topic, index.compile(topic).deliveries.length]).toEqual([topic, 0]);
  });

  test("a hundred thousand shared groups on one filter fit in a route", () => {
    const index = new SubscriptionIndex();
    const receiver = new RecordingReceiver("r");
    for (let i = 0; i < 200_000; i++) {
      index.add({ receiver, filter: "a", shareName: `s${i}`, qos: 0, noLocal: false, retainAsPublished: false });
    }
    expect(index.compile("a").shared).toHaveLength(200_000);
  });
});
