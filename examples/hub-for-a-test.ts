// A real broker on a free port for one test, and a client over the socket.
import assert from "node:assert/strict";
import { connect, createHub } from "isthmus";

const hub = await createHub({ mqtt: { port: 0 } });
assert.ok(hub.mqtt);

const client = await connect(hub.mqtt.url);
const doors = await client.subscribe("house/door", { qos: 2 });
await client.publish("house/door", "open", { qos: 2, retain: true });

for await (const message of doors) {
  console.log(message.topic, message.text(), `QoS ${message.qos}`);
  break;
}
await client.close();
await hub.close();

// Prints:
// house/door open QoS 2
