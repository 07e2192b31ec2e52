import { expect, test } from "vitest";
import { createMessage, Exchange, SharedGroup, type Subscription, type Topic } from "../src/index.js";
import { RecordingReceiver } from "./naive-exchange.js";
import { encodeUtf8 } from "@isthmus/bytes";

const OPTIONS = { filter: "a", shareName: "s", qos: 1, noLocal: false, retainAsPublished: false } as const;

function members(...names: string[]): RecordingReceiver[] {
  return names.map((name) => new RecordingReceiver(name));
}

function groupOf(receivers: readonly RecordingReceiver[]): SharedGroup {
  const group = new SharedGroup("s", "a");
  for (const receiver of receivers) group.add({ receiver, ...OPTIONS });
  return group;
}

function turns(group: SharedGroup, count: number): string[] {
  return Array.from({ length: count }, () => {
    const receiver = group.pick()?.receiver;
    return receiver instanceof RecordingReceiver ? receiver.name : "nobody";
  });
}

test("the members take turns", () => {
  expect(turns(groupOf(members("a", "b", "c")), 7)).toEqual(["a", "b", "c", "a", "b", "c", "a"]);
});

test("a member that is away is passed over", () => {
  const [a, b, c] = members("a", "b", "c");
  if (!a || !b || !c) throw new Error("no members");
  b.isOnline = false;
  const picked = turns(groupOf([a, b, c]), 90);
  expect(new Set(picked)).toEqual(new Set(["a", "c"]));
  b.isOnline = true;
});

test("when all are away, they take turns all the same: the message waits for one of them", () => {
  const group = groupOf(members("a", "b").map((each) => Object.assign(each, { isOnline: false })));
  expect(new Set(turns(group, 4))).toEqual(new Set(["a", "b"]));
});

test("a group without members has no turn, nor has one whose only member is left out", () => {
  const [a] = members("a");
  if (!a) throw new Error("no member");
  expect(new SharedGroup("s", "a").pick()).toBeUndefined();
  expect(groupOf([a]).pick(a)).toBeUndefined();
});

test("a member that left gets no turn, one that joined gets its own", () => {
  const [a, b, c] = members("a", "b", "c");
  if (!a || !b || !c) throw new Error("no members");
  const group = groupOf([a, b]);
  expect(turns(group, 1)).toEqual(["a"]);
  expect(group.remove(a)).toBe(true);
  expect(group.remove(a)).toBe(false);
  expect(turns(group, 3)).toEqual(["b", "b", "b"]);
  expect(group.add({ receiver: c, ...OPTIONS })).toBe(true);
  expect(group.add({ receiver: c, ...OPTIONS, qos: 0 })).toBe(false);
  expect(group.size).toBe(2);
  expect(new Set(turns(group, 2))).toEqual(new Set(["b", "c"]));
});

test("each member gets what its own subscription asks for [MQTT-4.8.2-3]", () => {
  const [a, b] = members("a", "b");
  if (!a || !b) throw new Error("no members");
  const group = new SharedGroup("s", "a");
  group.add({ receiver: a, ...OPTIONS, qos: 0, identifier: 7 });
  group.add({ receiver: b, ...OPTIONS, qos: 2, retainAsPublished: true });
  expect(group.pick()).toMatchObject({ receiver: a, qos: 0, identifiers: [7], retainAsPublished: false, group });
  expect(group.pick()).toMatchObject({ receiver: b, qos: 2, identifiers: undefined, retainAsPublished: true, group });
});

test("a message goes to one member of each group, and to each that subscribed alone", () => {
  const exchange = new Exchange();
  const [a, b, alone] = members("a", "b", "alone");
  if (!a || !b || !alone) throw new Error("no members");
  const subscribe = (receiver: RecordingReceiver, rest: Partial<Subscription>): boolean =>
    exchange.subscribe({ receiver, filter: "t/#", qos: 1, noLocal: false, retainAsPublished: false, ...rest });
  subscribe(a, { shareName: "s" });
  subscribe(b, { shareName: "s" });
  subscribe(a, { shareName: "other" });
  subscribe(alone, {});
  const topic: Topic = exchange.topics.intern(encodeUtf8("t/1"), 0, 3);
  for (let i = 0; i < 10; i++) {
    const receivers = exchange.publish(
      topic,
      createMessage({ topic: "t/1", payload: new Uint8Array(1), publishedAt: 0 }),
    );
    expect(receivers).toBe(3);
  }
  expect([a.received.length, b.received.length, alone.received.length]).toEqual([15, 5, 10]);
});
