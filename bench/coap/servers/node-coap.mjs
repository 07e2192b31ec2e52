// The same resource on node-coap, as its documentation builds servers: `node node-coap.mjs PORT BYTES`.
import { EventEmitter } from "node:events";
import coap from "coap";

const [port, initialBytes] = process.argv.slice(2).map(Number);
let payload = Buffer.alloc(initialBytes);
const changes = new EventEmitter();
changes.setMaxListeners(0);

const server = coap.createServer((request, response) => {
  if (request.method === "PUT") {
    payload = request.payload;
    response.code = "2.04";
    response.end();
    changes.emit("change");
  } else if (request.headers.Observe === 0) {
    const tell = () => response.write(payload);
    changes.on("change", tell);
    response.on("finish", () => changes.off("change", tell));
    tell();
  } else {
    response.end(payload);
  }
});
server.listen(port, "127.0.0.1", () => process.stdout.write("ready\n"));
