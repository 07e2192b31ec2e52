// Who is there: the hub tells of each client that comes and goes, and the list is a retained message.
import { createHub, type HookClient } from "isthmus";

const present = new Set<string>();
const changes: Promise<unknown>[] = [];

const hub = await createHub({
  hooks: {
    onConnect: (client) => update(client, true),
    onDisconnect: (client, { isGraceful }) => {
      update(client, false);
      if (client.name !== "keeper") console.log(`${client.name} ${isGraceful ? "says goodbye" : "is lost"}`);
    },
  },
});
const keeper = await hub.connect({ clientId: "keeper" });

function update({ name }: HookClient, isPresent: boolean): void {
  if (name === "keeper") return;
  if (isPresent) present.add(name);
  else present.delete(name);
  changes.push(keeper.publish("presence", [...present].join(" "), { qos: 1, retain: true }));
}

const lists = await keeper.subscribe("presence");
const pump = await hub.connect({ clientId: "pump" });
await (await hub.connect({ clientId: "lamp" })).close();
await pump.close();

let count = 0;
for await (const message of lists) {
  console.log(`present: ${message.text() || "nobody"}`);
  if (++count === 4) break;
}
await Promise.all(changes);
await hub.close();

// Prints:
// lamp says goodbye
// pump says goodbye
// present: pump
// present: pump lamp
// present: pump
// present: nobody
