// A hub inside an application: no port, no process, ready in milliseconds.
import { createHub } from "isthmus";

const hub = await createHub();
const sensor = await hub.connect();
const panel = await hub.connect();

const temperatures = await panel.subscribe("house/+/temperature");
await sensor.publish("house/kitchen/temperature", "19.5", { qos: 1 });
await sensor.publish("house/living-room/temperature", "21.5", { qos: 1 });

let count = 0;
for await (const message of temperatures) {
  console.log(`${message.topic}: ${message.text()} °C`);
  if (++count === 2) break;
}
await hub.close();

// Prints:
// house/kitchen/temperature: 19.5 °C
// house/living-room/temperature: 21.5 °C
