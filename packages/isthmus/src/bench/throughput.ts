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
    const topicCount = scenario.publishers === scenario.subscribers ? scenario.publishers : 1;
    const topics = Array.from({ length: topicCount }, (_, i) => `bench/${fleet.runName}/${String(i).padStart(4, "0")}`);
    const frames = topics.map((topic) => framesOf(topic, scenario));
    const load = new Load(fleet, scenario.subscribers / topicCount);

    const subscribing = await fleet.openMany(scenario.subscribers);
    for (const [i, connection] of subscribing.entries()) {
      const subscriber = new Subscriber(connection, frames[0]?.frameSize ?? 0, load.wake);
      connection.role = subscriber;
      load.addSubscriber(subscriber);
      await fleet.during(connection.subscribe([topics[i % topicCount] ?? ""], scenario.qos));
    }
    for (const [i, connection] of (await fleet.openMany(scenario.publishers)).entries()) {
      const batch = frames[i % topicCount];
      if (!batch) continue;
      const publisher = createPublisher(connection, batch, scenario, load.wake);
      connection.role = publisher;
      load.addPublisher(publisher);
    }
    return await load.run(options);
  } finally {
    fleet.close();
  }
}

function framesOf(topic: string, scenario: ThroughputScenario): FrameBatch {
  const { frameSize } = publishFrames([topic], scenario);
  const count = scenario.qos === 0 ? BATCH_SIZE / frameSize : Math.min(RING_COUNT, RING_SIZE / frameSize);
  return publishFrames(new Array<string>(Math.max(1, Math.floor(count))).fill(topic), scenario);
}

function createPublisher(
  connection: BenchConnection,
  frames: FrameBatch,
  { qos }: ThroughputScenario,
  wake: () => void,
): Publisher {
  return qos === 0
    ? new FloodPublisher(connection, [frames], wake)
    : new WindowPublisher(connection, frames, qos, WINDOW, wake);
}
