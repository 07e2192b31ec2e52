import { type Client, connect } from "@isthmus/mqtt";

/** A sensor that publishes over MQTT. */
interface Sensor {
  readonly clientId: string;
  readonly topic: string;
  /** The reading after so many seconds. */
  valueAt(seconds: number): string;
}

const SENSORS: readonly Sensor[] = [
  {
    clientId: "living-room-sensor",
    topic: "house/living-room/temperature",
    valueAt: (seconds) => (21 + 1.5 * Math.sin(seconds / 20)).toFixed(1),
  },
  {
    clientId: "kitchen-sensor",
    topic: "house/kitchen/humidity",
    valueAt: (seconds) => JSON.stringify({ percent: Math.round(55 + 10 * Math.sin(seconds / 15)) }),
  },
];

/** The MQTT side of the house: sensors that publish, each on a connection of its own. */
export class MqttSensors {
  readonly #clients: readonly Client[];
  readonly #timer: NodeJS.Timeout;

  private constructor(clients: readonly Client[], everyMs: number) {
    this.#clients = clients;
    const startedAt = performance.now();
    const publish = (): void => this.#publish((performance.now() - startedAt) / 1000);
    publish();
    this.#timer = setInterval(publish, everyMs);
  }

  static async start(url: string, everyMs: number): Promise<MqttSensors> {
    const clients = await Promise.all(SENSORS.map(({ clientId }) => connect(url, { clientId })));
    return new MqttSensors(clients, everyMs);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  #publish(seconds: number): void {
    for (const [index, sensor] of SENSORS.entries()) {
      const { topic } = sensor;
      const value = sensor.valueAt(seconds);
      const contentType = value.startsWith("{") ? "application/json" : "text/plain";
      // What the hub does not take while it closes is nobody's loss.
      this.#clients[index]?.publish(topic, value, { qos: 1, retain: true, properties: { contentType } }).catch(() => undefined); // prettier-ignore
    }
  }
}
