// A CoAP server over UDP and TCP with one resource that is read, written and observed: `node isthmus.mjs PORT BYTES`.
import { createServer } from "@isthmus/coap";
import { bindUdp, listenTcp } from "@isthmus/coap/transport-node";

const [port, initialBytes] = process.argv.slice(2).map(Number);
let payload = new Uint8Array(initialBytes);
const server = createServer();
const resource = server.resource("/example_data", {
  get: () => payload,
  put: (message) => {
    payload = message.payload.slice();
    resource.notify();
  },
  isObservable: true,
});

await bindUdp({ port, handler: server });
await listenTcp({ port, handler: server });
process.stdout.write("ready\n");
