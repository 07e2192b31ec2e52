import type { MqttDoor } from "../doors/mqtt/mqtt-door.js";
import type { HubContext } from "../hub-context.js";
import type { Publisher } from "../publisher.js";

/** What the management API looks at and acts on. */
export interface AdminContext extends HubContext {
  readonly mqttDoor: MqttDoor;
  readonly publisher: Publisher;
  readonly maximumTopicLevels: number;
  /** On the monotonic clock. */
  readonly startedAt: number;
}
