import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { concatBytes } from "@isthmus/bytes";
import { describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { connect as connectInBrowser } from "../src/browser.js";
import { connect, type ConnectOptions, encodePacket, type Packet, type ProtocolVersion } from "../src/index.js";

/** A server of WebSockets on which the test answers. */
class WebSocketLadder implements AsyncDisposable {
  readonly offered: string[] = [];
  readonly #server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    handleProtocols: (names) => this.#choose(names),
  });

  async url(): Promise<string> {
    if (this.#server.address() === null) await once(this.#server, "listening");
    // It listens on a port.
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mqtt`;
  }

  /** The next connection, on which something has come in. */
  async accept(): Promise<WebSocket> {
    // The "connection" event carries the WebSocket.
    const [socket] = (await once(this.#server, "connection")) as [WebSocket];
    await once(socket, "message");
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #choose(names: Set<string>): string | false {
    this.offered.push(...names);
    return [...names][0] ?? false;
  }
}

const CLIENTS: readonly [string, (url: string, options: ConnectOptions) => ReturnType<typeof connect>][] = [
  ["Node's", connect],
  ["a browser's", connectInBrowser],
];

describe.each(CLIENTS)("%s client over WebSocket", (_platform, connectTo) => {
  // [MQTT-6.0.0-3], [MQTT-6.0.0-3] of MQTT 3.1.1
  it.each([
    [5, "mqtt"],
    [4, "mqtt"],
    [3, "mqttv3.1"],
  ] as const)("of protocol level %i offers the sub-protocol %s", async (protocolVersion, protocol) => {
    await using server = new WebSocketLadder();
    const accepted = server.accept();
    const client = connectTo(await server.url(), { protocolVersion, reconnect: false });
    const socket = await accepted;
    socket.send(connackOf(protocolVersion));
    await (await client).close();
    expect(server.offered).toEqual([protocol]);
    expect(socket.protocol).toBe(protocol);
  });

  // [MQTT-6.0.0-1], [MQTT-6.0.0-2], [MQTT-6.0.0-1] of MQTT 3.1.1, [MQTT-6.0.0-2] of MQTT 3.1.1
  it("sends binary frames, and takes packets that frames cut and gather at will", async () => {
    await using server = new WebSocketLadder();
    const accepted = server.accept();
    const connecting = connectTo(await server.url(), { reconnect: false });
    const socket = await accepted;
    const kinds: boolean[] = [];
    socket.on("message", (_data, isBinary) => kinds.push(isBinary));
    const connack = connackOf(5);
    socket.send(connack.subarray(0, 1));
    socket.send(connack.subarray(1, 3));
    const messages = Array.from({ length: 5 }, (_, i) => encodePacket(publish(String(i)), 5));
    socket.send(concatBytes([connack.subarray(3), ...messages.slice(0, 2), messages[2]?.subarray(0, 4) ?? connack]));
    socket.send(concatBytes([messages[2]?.subarray(4) ?? connack, ...messages.slice(3)]));
    const client = await connecting;
    const closed = once(socket, "close");
    const texts: string[] = [];
    for await (const message of client.messages()) {
      texts.push(message.text());
      if (texts.length === 5) break;
    }
    expect(texts).toEqual(["0", "1", "2", "3", "4"]);
    await client.publish("a", "b");
    await client.close();
    await closed;
    expect(kinds).not.toContain(false);
    expect(kinds.length).toBeGreaterThan(0);
  });
});

function connackOf(version: ProtocolVersion): Uint8Array {
  return encodePacket({ type: "connack", sessionPresent: false, reasonCode: 0 }, version);
}

function publish(text: string): Packet {
  const payload = new TextEncoder().encode(text);
  return { type: "publish", topic: "t", payload, qos: 0, retain: false, dup: false, packetIdentifier: undefined };
}
