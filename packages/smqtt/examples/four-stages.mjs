// The four stages of Secure MQTT over any broker: setup, encryption, publish, decryption.
//
//   node packages/smqtt/examples/four-stages.mjs mqtt://127.0.0.1:1883
import mqtt from "mqtt";
import {
  Authority,
  builtInSuites,
  createIdentity,
  createSuiteRegistry,
  fromMqttJs,
  Membership,
  secure,
  secureRandomBytes,
} from "@isthmus/smqtt";
import { nodeCrypto } from "@isthmus/smqtt/node";

const url = process.argv[2] ?? "mqtt://127.0.0.1:1883";
const suites = createSuiteRegistry(builtInSuites());
const options = { suites, crypto: nodeCrypto, random: secureRandomBytes, now: () => Date.now() / 1000 };

// 1. Setup: an authority, and devices that register with it. What goes between them are bytes; carry them as you like.
const authority = await Authority.setup("house", ["kp-abe", "cp-abe"], options);
async function register(name, grant) {
  const joining = await Membership.request(authority.invite(name, grant), createIdentity(secureRandomBytes), options);
  const answer = await authority.answer(joining.request);
  console.log(`setup: ${name} registered, request of ${joining.request.length} bytes, answer of ${answer.length}`);
  return joining.complete(answer);
}
const members = {
  sensor: await register("sensor", { publish: ["house/#"] }),
  display: await register("display", { subscribe: ["house/+/temperature"] }),
  stranger: await register("stranger", { subscribe: ["garden/#"] }),
};

const clients = [];
async function connect(name, membership) {
  const client = await mqtt.connectAsync(url);
  clients.push(client);
  const onRefused = (failure, topic) => console.log(`decryption: ${name} cannot open ${topic}: ${failure}`);
  return secure(fromMqttJs(client), { membership, suites, crypto: nodeCrypto, onRefused });
}
const sensor = await connect("sensor", members.sensor);
const readers = ["display", "stranger"];
const subscriptions = [];
for (const name of readers) {
  const reader = await connect(name, members[name]);
  subscriptions.push(await reader.subscribe("house/#", { qos: 1 }));
}

// What the broker sees.
const onlooker = await mqtt.connectAsync(url);
clients.push(onlooker);
onlooker.on("message", (topic, payload) => {
  console.log(`publish: the broker sees ${payload.length} bytes on ${topic}: ${payload.toString("hex").slice(0, 48)}…`);
});
await onlooker.subscribeAsync(["house/#", "smqtt/kw/#"]);

// 2. and 3. Encryption and publish: one message, sealed once for all who may read it.
const started = performance.now();
await sensor.publish("house/kitchen/temperature", "21.5", { qos: 1, contentType: "text/plain" });
console.log(
  `encryption: wrapped a content key and sealed the first message in ${Math.round(performance.now() - started)} ms`,
);

// 4. Decryption, by those whose keys allow it.
const [subscription] = subscriptions;
for await (const message of subscription) {
  console.log(`decryption: display reads "${message.text()}" on ${message.topic}, sealed by ${message.publisher.name}`);
  break;
}
await new Promise((resolve) => setTimeout(resolve, 1000)); // for the stranger to fail
await Promise.all(subscriptions.map((subscription) => subscription.close()));
await sensor.close();
await Promise.all(clients.map((client) => client.endAsync(true)));
