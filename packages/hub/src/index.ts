export type { Access, Identity, Refusal } from "./access/access.js";
export { MQTT_DEFAULTS, type MqttDoorOptions } from "./doors/mqtt/mqtt-options.js";
export type { HubOptions, Limits, ListenOptions } from "./hub-options.js";
export { createHub, Hub, type OpenDoor } from "./hub.js";
export { ListenError } from "./listeners/listener.js";
export type { Metrics } from "./metrics.js";
