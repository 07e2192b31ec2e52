import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer, connect as connectTls } from "node:tls";
import { afterAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { BrowserTransport } from "../src/transport/browser-transport.js";
import { memoryTransportPair } from "../src/transport/memory-transport.js";
import { formatAddress, NodeStreamTransport } from "../src/transport/node-stream-transport.js";
import { WebSocketTransport } from "../src/transport/web-socket-transport.js";
import { describeTransport, RecordingListener } from "./transport-compliance.js";
import { CERTIFICATE, PRIVATE_KEY } from "./test-certificate.js";

describeTransport("memory", () => ({
  open: () => Promise.resolve(memoryTransportPair()),
  close: () => Promise.resolve(),
}));

describeTransport("TCP", () => {
  const server = createServer();
  return {
    async open() {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const accepted = once(server, "connection");
      const client = connect(portOf(server.address()), "127.0.0.1");
      // The "connection" event carries the socket.
      const [peer] = (await accepted) as [Socket];
      await (client.connecting ? once(client, "connect") : undefined);
      return [new NodeStreamTransport(client), new NodeStreamTransport(peer)];
    },
    close: () => closed(server),
  };
});

describeTransport("TLS", () => {
  const server = createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY });
  return {
    async open() {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const accepted = once(server, "secureConnection");
      const client = connectTls({
        port: portOf(server.address()),
        host: "127.0.0.1",
        ca: CERTIFICATE,
        servername: "localhost",
      });
      await once(client, "secureConnect");
      // The "secureConnection" event carries the socket.
      const [peer] = (await accepted) as [Socket];
      return [new NodeStreamTransport(client), new NodeStreamTransport(peer)];
    },
    close: () => closed(server),
  };
});

describeTransport("WebSocket", () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  return {
    async open() {
      const [client, peer] = await openWebSockets(server);
      return [new WebSocketTransport(client, "server"), new WebSocketTransport(peer, "client")];
    },
    close: () => closed(server),
  };
});

describeTransport(
  "a browser's WebSocket",
  () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    return {
      async open() {
        if (!server.address()) await once(server, "listening");
        const accepted = once(server, "connection");
        // Node's own WebSocket is the one of browsers.
        const client = new globalThis.WebSocket(`ws://127.0.0.1:${portOf(server.address())}`);
        await new Promise((resolve) => client.addEventListener("open", resolve));
        // The "connection" event carries the WebSocket.
        const [peer] = (await accepted) as [WebSocket];
        return [new WebSocketTransport(peer, "client"), new BrowserTransport(client)];
      },
      close: () => closed(server),
    };
  },
  { canPauseNetwork: false },
);

describe("a browser's WebSocket transport", () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  afterAll(() => closed(server));

  const open = async (): Promise<{ peer: WebSocket; heard: RecordingListener; transport: BrowserTransport }> => {
    const accepted = once(server, "connection");
    const client = new globalThis.WebSocket(`ws://127.0.0.1:${portOf(server.address())}`);
    await new Promise((resolve) => client.addEventListener("open", resolve));
    const [peer] = (await accepted) as [WebSocket];
    const transport = new BrowserTransport(client);
    const heard = new RecordingListener();
    transport.open(heard);
    return { peer, heard, transport };
  };

  // [MQTT-6.0.0-1] of MQTT 3.1.1
  it("closes a connection that sends a text frame [MQTT-6.0.0-1]", async () => {
    const { peer, heard } = await open();
    peer.send("text");
    await heard.until(({ closeCount }) => closeCount === 1);
    expect(heard.closeError?.message).toBe("a text frame came in; MQTT takes binary frames only");
  });

  it("closes a connection that floods it while nobody reads", async () => {
    const { peer, heard, transport } = await open();
    transport.pause();
    for (let i = 0; i < 17; i++) peer.send(new Uint8Array(1024 * 1024));
    await heard.until(({ closeCount }) => closeCount === 1);
    expect(heard.closeError?.message).toMatch(/^\d+ bytes came in while nobody read$/);
    expect(heard.chunks).toEqual([]);
  });

  it("is congested by a flood, and tells when it has drained", async () => {
    const { peer, heard, transport } = await open();
    peer.pause();
    let isFree = true;
    for (let i = 0; i < 40; i++) isFree = transport.write(new Uint8Array(1024 * 1024));
    expect(isFree).toBe(false);
    peer.resume();
    await heard.until(({ drainCount }) => drainCount === 1);
    expect(transport.bufferedBytes).toBeLessThan(64 * 1024);
    transport.destroy();
  });
});

describe("a WebSocket transport", () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  afterAll(() => closed(server));

  // [MQTT-6.0.0-1] of MQTT 3.1.1
  it("closes a connection that sends a text frame [MQTT-6.0.0-1]", async () => {
    const [client, peer] = await openWebSockets(server);
    const transport = new WebSocketTransport(peer, "client");
    const heard = new RecordingListener();
    transport.open(heard);
    const closing = once(client, "close");
    client.send("text");
    await heard.until(({ closeCount }) => closeCount === 1);
    expect(heard.closeError?.message).toBe("a text frame came in; MQTT takes binary frames only");
    expect((await closing)[0]).toBe(1003);
    expect(heard.chunks).toEqual([]);
  });
});

describe("an address", () => {
  it.each([
    ["127.0.0.1", 1883, "127.0.0.1:1883"],
    ["::1", 1883, "[::1]:1883"],
    ["::ffff:10.0.0.7", 5, "10.0.0.7:5"],
    [undefined, undefined, "unknown"],
  ])("%s port %s is shown as %s", (address, port, shown) => {
    expect(formatAddress(address, port)).toBe(shown);
  });
});

async function openWebSockets(server: WebSocketServer): Promise<[WebSocket, WebSocket]> {
  if (!server.address()) await once(server, "listening");
  const accepted = once(server, "connection");
  const client = new WebSocket(`ws://127.0.0.1:${portOf(server.address())}`);
  await once(client, "open");
  // The "connection" event carries the WebSocket.
  return [client, (await accepted)[0] as WebSocket];
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error(`no port in ${address}`);
  return address.port;
}

function closed(server: { close(callback: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}
