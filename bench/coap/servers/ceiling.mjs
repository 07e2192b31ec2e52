// No CoAP server: it answers each GET with eight bytes by arithmetic, and remembers nothing. `node ceiling.mjs PORT`.
// What it reaches is what Node's sockets and the generator allow.
import { createSocket } from "node:dgram";

const CONTENT = 0x45;
const REST = Buffer.from([0xff, ...Buffer.from("00000000")]);

const socket = createSocket({ type: "udp4", lookup: (address, _options, callback) => callback(null, address, 4) });
socket.on("message", (request, from) => {
  const isConfirmable = (request[0] & 0x30) === 0;
  const length = 4 + (request[0] & 0x0f);
  const response = Buffer.concat([request.subarray(0, length), REST]);
  if (isConfirmable) response[0] |= 0x20;
  response[1] = CONTENT;
  socket.send(response, from.port, from.address);
});
socket.bind(Number(process.argv[2]), "127.0.0.1", () => process.stdout.write("ready\n"));
