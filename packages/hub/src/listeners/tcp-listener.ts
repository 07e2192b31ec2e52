import { createServer, type Server } from "node:net";
import { type Transport } from "@isthmus/mqtt";
import { NodeStreamTransport } from "@isthmus/mqtt/transport-node";
import { type Address, closeServer, listen, type Listener } from "./listener.js";

/** Listens for TCP connections and hands each on as a transport. */
export async function openTcpListener(
  address: Address,
  handleConnection: (transport: Transport) => void,
): Promise<Listener> {
  const server: Server = createServer({ noDelay: true }, (socket) => handleConnection(new NodeStreamTransport(socket)));
  const bound = await listen(server, address);
  return { url: `mqtt://${bound}`, close: () => closeServer(server) };
}
