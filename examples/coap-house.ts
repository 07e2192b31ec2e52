// CoAP without a hub: a server with an observable resource, and a client that reads, writes and watches it.
import { createClient, createServer, request } from "@isthmus/coap";
import { bindUdp } from "@isthmus/coap/transport-node";

let isOn = false;
const server = createServer();
const light = server.resource("/rooms/:room/light", {
  get: ({ params }) => ({ room: params.room, isOn }),
  put: (message) => {
    isOn = message.text() === "on";
    light.notify();
  },
  isObservable: true,
});
const transport = await bindUdp({ handler: server });
const house = `coap://127.0.0.1:${transport.address.port}`;

// Once, over a socket of its own: JSON unless something else is asked for.
const state = await request(`${house}/rooms/hall/light`);
console.log(state.status, state.text());
const xml = await request(`${house}/rooms/hall/light`, { accept: 41 });
console.log(xml.contentFormat, xml.text());

// Many times over one, and each change as it comes.
const client = createClient();
for await (const change of client.observe(`${house}/rooms/hall/light`)) {
  console.log("observed", change.body());
  if (isOn) break;
  const { status, statusText } = await client.request(`${house}/rooms/hall/light`, { method: "PUT", body: "on" });
  console.log(status, statusText);
}
const error = await client.request(`${house}/rooms/hall/window`);
console.log(error.ok, error.toString());

await client.close();
await transport.close();

// Prints:
// 2.05 {"room":"hall","isOn":false}
// 41 <value><room>hall</room><isOn>false</isOn></value>
// observed { room: 'hall', isOn: false }
// 2.04 Changed
// observed { room: 'hall', isOn: true }
// false 4.04 Not Found: there is nothing at /rooms/hall/window
