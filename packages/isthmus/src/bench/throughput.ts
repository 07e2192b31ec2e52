import type { RunOptions } from "./run-options.js";
import type { BrokerAddress } from "./fleet.js";
import { Fleet } from "./fleet.js";
import { type FrameBatch, publishFrames } from "./frames.js";
import { Load, type LoadResult } from "./load.js";
import { FloodPublisher, type Publisher, WindowPublisher } from "./publishers.js";
import type { ThroughputScenario } from "./scenarios.js";
import { Subscriber } from "./subscriber.js";
import type { BenchConnection } from "./bench-connection.js";

/** Bytes of a write of QoS 0: enough frames to make the cost of the write small beside that of the frames. */
const BATCH_SIZE = 32 * 1024;

/** Unacknowledged messages of a QoS 1 or 2 publisher, unless the broker's Receive Maximum is lower. */
const WINDOW = 100;

/** Frames of a QoS 1 or 2 publisher: some windows, so that a late acknowledgement does not hold up the rest. */
const RING_COUNT = 4 * WINDOW;

/** Bytes that such a ring may take: large payloads get a smaller window. */
const RING_SIZE = 16 * 1024 * 1024;

/** Loads the broker with a throughput scenario and tells what came through. */
export async function measureThroughput(
  broker: BrokerAddress,
  scenario: ThroughputScenario,
  options: RunOptions,
): Promise<LoadResult> {
  const fleet = new Fleet(broker, scenario.version, options);
  try {
    const groupCount = scenario.publishers === scenario.subscribers ? scenario.publishers : 1;
    const groups = Array.from({ length: groupCount }, (_, i) => createGroup(`bench/${fleet.runName}/${i}`, scenario));
    const load = new Load(fleet, scenario.subscribers / groupCount);

    const subscribing = await fleet.openMany(scenario.subscribers, scenario.isDurable);
    for (const [i, connection] of subscribing.entries()) {
      const { filter, frameSize } = groupOf(groups, i);
      const subscriber = new Subscriber(connection, frameSize, load.wake);
      connection.role = subscriber;
      load.addSubscriber(subscriber);
      await fleet.during(connection.subscribe([filter], scenario.qos));
    }
    for (const [i, connection] of (await fleet.openMany(scenario.publishers)).entries()) {
      const publisher = createPublisher(connection, groupOf(groups, i), scenario, load.wake);
      connection.role = publisher;
      load.addPublisher(publisher);
    }
    const result = await load.run(options);
    if (scenario.isDurable) await fleet.endSessions();
    return result;
  } finally {
    fleet.close();
  }
}

/** Publishers and subscribers that share topics: a pair of them, or all. */
interface Group {
  readonly filter: string;
  /** For QoS 0 batches to be written in turn, for QoS 1 and 2 the one ring of a window. */
  readonly batches: readonly [FrameBatch, ...FrameBatch[]];
  readonly frameSize: number;
}

function groupOf(groups: readonly Group[], index: number): Group {
  const group = groups[index % groups.length];
  if (!group) throw new RangeError("there are no groups");
  return group;
}

function createGroup(base: string, scenario: ThroughputScenario): Group {
  const { topicsPerPublisher, messagesPerWrite, qos } = scenario;
  const topics = Array.from({ length: topicsPerPublisher }, (_, i) =>
    topicsPerPublisher === 1 ? base : `${base}/${String(i).padStart(6, "0")}`,
  );
  const { frameSize } = publishFrames(topics.slice(0, 1), scenario);
  const most =
    qos === 0 ? Math.min(messagesPerWrite, BATCH_SIZE / frameSize) : Math.min(RING_COUNT, RING_SIZE / frameSize);
  const count = Math.max(1, Math.floor(most));
  const batch = (first: number): FrameBatch =>
    publishFrames(
      Array.from({ length: count }, (_, i) => topics[(first + i) % topicsPerPublisher] ?? base),
      scenario,
    );
  const batchCount = qos === 0 ? Math.ceil(topicsPerPublisher / count) : 1;
  const others = Array.from({ length: batchCount - 1 }, (_, i) => batch((i + 1) * count));
  return { filter: topicsPerPublisher === 1 ? base : `${base}/#`, batches: [batch(0), ...others], frameSize };
}

function createPublisher(
  connection: BenchConnection,
  { batches }: Group,
  { qos }: ThroughputScenario,
  wake: () => void,
): Publisher {
  return qos === 0
    ? new FloodPublisher(connection, batches, wake)
    : new WindowPublisher(connection, batches[0], qos, WINDOW, wake);
}
