import type { RunOptions } from "./run-options.js";
import { performance } from "node:perf_hooks";

import type { BenchConnection } from "./bench-connection.js";
import { type BrokerAddress, Fleet } from "./fleet.js";
import { type FrameBatch, publishFrames } from "./frames.js";
import { settledMemory } from "./idle-connections.js";
import { Load, type LoadResult } from "./load.js";
import { FloodPublisher } from "./publishers.js";
import type { SubscriptionsScenario } from "./scenarios.js";
import { Subscriber } from "./subscriber.js";

export interface SubscriptionsResult extends LoadResult {
  readonly subscriptions: number;
  readonly subscribedPerSecond: number;
  readonly bytesPerSubscription: number | undefined;
}

/** Topic filters of a SUBSCRIBE. */
const FILTERS_PER_SUBSCRIBE = 500;

/** Topics that are published to, of all that are subscribed to: more than a cache of routes is likely to hold. */
const PUBLISHED_TOPICS = 200_000;

const TOPICS_PER_BATCH = 200;

/** A prime: one published topic lies far from the next, and all kinds of filters are reached. */
const SPREAD = 7919;

/** Devices of a site: what the second topic level is shared by. */
const DEVICES_PER_SITE = 1000;

/** Makes many subscriptions, then publishes to topics of which each matches one of them. */
export async function measureSubscriptions(
  broker: BrokerAddress,
  scenario: SubscriptionsScenario,
  options: RunOptions,
): Promise<SubscriptionsResult> {
  const fleet = new Fleet(broker, scenario.version, options);
  try {
    const load = new Load(fleet, 1);
    const batches = batchesOf(fleet.runName, scenario);
    const connections = await fleet.openMany(scenario.subscribers);
    for (const connection of connections) {
      const subscriber = new Subscriber(connection, batches[0]?.frameSize ?? 0, load.wake);
      connection.role = subscriber;
      load.addSubscriber(subscriber);
    }

    const before = await settledMemory(fleet, options.brokerPid);
    const startedAt = performance.now();
    await fleet.during(
      Promise.all(connections.map((connection, i) => subscribeShare(connection, i, fleet.runName, scenario))),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    const after = await settledMemory(fleet, options.brokerPid);

    for (const [i, connection] of (await fleet.openMany(scenario.publishers)).entries()) {
      const own = batches.filter((_, index) => index % scenario.publishers === i);
      const publisher = new FloodPublisher(connection, own, load.wake);
      connection.role = publisher;
      load.addPublisher(publisher);
    }
    return {
      ...(await load.run(options)),
      subscriptions: scenario.subscriptions,
      subscribedPerSecond: scenario.subscriptions / seconds,
      bytesPerSubscription: before && after && (after.total - before.total) / scenario.subscriptions,
    };
  } finally {
    fleet.close();
  }
}

/** Subscribes a connection to its share of all filters: every nth, so that it has some of each kind. */
async function subscribeShare(
  connection: BenchConnection,
  index: number,
  runName: string,
  { subscriptions, subscribers }: SubscriptionsScenario,
): Promise<void> {
  for (let first = index; first < subscriptions; first += subscribers * FILTERS_PER_SUBSCRIBE) {
    const filters: string[] = [];
    for (let device = first; device < subscriptions && filters.length < FILTERS_PER_SUBSCRIBE; device += subscribers) {
      filters.push(filterOf(runName, device));
    }
    await connection.subscribe(filters, 0);
  }
}

/** Topics spread over all devices, gathered to batches of equal frames. */
function batchesOf(runName: string, scenario: SubscriptionsScenario): FrameBatch[] {
  const count = Math.min(PUBLISHED_TOPICS, scenario.subscriptions);
  const batches: FrameBatch[] = [];
  for (let first = 0; first < count; first += TOPICS_PER_BATCH) {
    const length = Math.min(TOPICS_PER_BATCH, count - first);
    const topics = Array.from({ length }, (_, i) => topicOf(runName, ((first + i) * SPREAD) % scenario.subscriptions));
    batches.push(publishFrames(topics, { qos: 0, payloadSize: scenario.payloadSize, version: scenario.version }));
  }
  return batches;
}

/** `bench/run/site/0042/device/0042017/temperature`: the same length for each device. */
export function topicOf(runName: string, device: number): string {
  return `${levelsOf(runName, device).join("/")}/temperature`;
}

/** The filter that matches the topic of `device` and no other one's. */
export function filterOf(runName: string, device: number): string {
  const [bench, run, site, siteName, kind, name] = levelsOf(runName, device);
  switch (device % 10) {
    case 0:
      return [bench, run, site, siteName, kind, name, "#"].join("/");
    case 1:
      return [bench, run, site, "+", kind, name, "temperature"].join("/");
    case 2:
      return [bench, run, site, siteName, kind, name, "+"].join("/");
    default:
      return [bench, run, site, siteName, kind, name, "temperature"].join("/");
  }
}

function levelsOf(runName: string, device: number): string[] {
  const site = String(Math.floor(device / DEVICES_PER_SITE)).padStart(4, "0");
  return ["bench", runName, "site", site, "device", String(device).padStart(7, "0")];
}
