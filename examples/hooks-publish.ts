// Messages on their way: one is put right, one is stopped, by whatever door they came in.
import { createHub } from "isthmus";

const hub = await createHub({
  hooks: {
    // Without a promise there is nothing to wait for; with one, this client's next message waits.
    async onPublish(client, { topic, payload }) {
      if (!topic.endsWith("/temperature")) return undefined;
      const celsius = await toCelsius(new TextDecoder().decode(payload));
      if (Number.isNaN(celsius)) return { reasonCode: 0x99, reason: `${client.name} has sent no temperature` };
      return { payload: new TextEncoder().encode(celsius.toFixed(1)), retain: true };
    },
  },
});

/** Stands for a look at a database. */
async function toCelsius(text: string): Promise<number> {
  return text.endsWith("F") ? ((Number.parseFloat(text) - 32) * 5) / 9 : Number.parseFloat(text);
}

const sensor = await hub.connect({ clientId: "sensor" });
await sensor.publish("attic/temperature", "77F", { qos: 1 });
await sensor.publish("attic/temperature", "warm", { qos: 1 }).catch((error: Error) => console.log(error.message));
for await (const message of await sensor.subscribe("+/temperature")) {
  console.log(`${message.topic}: ${message.text()} °C`);
  break;
}
await hub.close();

// Prints:
// the server refused the message to attic/temperature: payload format invalid (0x99): sensor has sent no temperature
// attic/temperature: 25.0 °C
