// MQTT 5.0 request and response: a question on one topic, the answer on a topic of the asker's.
import { type Client, createHub } from "isthmus";

const hub = await createHub();
const lamp = await hub.connect({ clientId: "lamp" });
const app = await hub.connect({ clientId: "app" });

const serving = serve(lamp);
const answer = await app.request("house/lamp/set", "on");
console.log(`the lamp says: ${answer.text()}`);

await lamp.close();
await serving;
await app.close();
await hub.close();

/** Answers each request until the client is closed. */
async function serve(client: Client): Promise<void> {
  for await (const { payload, properties } of await client.subscribe("house/lamp/set", { qos: 1 })) {
    const { responseTopic, correlationData } = properties;
    if (responseTopic === undefined) continue;
    await client.publish(responseTopic, `${new TextDecoder().decode(payload)}, and bright`, {
      properties: { correlationData },
    });
  }
}

// Prints:
// the lamp says: on, and bright
