/**
 * aedes as its documentation sets it up: in memory, over TCP.
 *
 * Usage: node aedes-server.mjs PORT
 */
import { createServer } from "node:net";

import { Aedes } from "aedes";

const broker = await Aedes.createBroker({ heartbeatInterval: 600_000 });
const server = createServer({ noDelay: true }, (socket) => broker.handle(socket));
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
