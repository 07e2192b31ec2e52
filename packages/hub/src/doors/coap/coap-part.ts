import type { Socket } from "node:net";
import type { ListenerAccess } from "../../access/access-options.js";
import type { HubContext } from "../../hub-context.js";
import type { HttpMount } from "../../listeners/http-mount.js";
import { isLoopback } from "../../listeners/listener.js";
import { peerOf } from "../../listeners/peer.js";
import { COAP_LISTENER, CoapEntrance } from "./coap-entrance.js";
import type { CoapDoor, CoapDoorInit } from "./coap-door.js";
import { COAP_DEFAULTS, type CoapListenOptions } from "./coap-options.js";

const LOOPBACK = "127.0.0.1";

/**
 * The CoAP door as the hub has it: a few lines, until it is opened. CoAP takes eight megabytes, and a hub whose door is
 * closed need not have them.
 */
export class CoapPart {
  readonly #context: HubContext;
  readonly #options: CoapListenOptions;
  readonly #maxTopicLevels: number;
  #door: CoapDoor | undefined;

  constructor(context: HubContext, options: CoapListenOptions, maxTopicLevels: number) {
    this.#context = context;
    this.#options = options;
    this.#maxTopicLevels = maxTopicLevels;
  }

  /** What access has to know of its own listener; undefined when it has none. */
  get access(): ListenerAccess | undefined {
    const { host = LOOPBACK, port, access } = this.#options;
    if (port === undefined) return undefined;
    return { name: COAP_LISTENER, isLocal: isLoopback(host), access };
  }

  /** Undefined until it is opened: whoever adds resources of their own does so then. */
  get door(): CoapDoor | undefined {
    return this.#door;
  }

  /** CoAP over WebSocket on the HTTP listeners (RFC 8323 4). */
  get mount(): HttpMount {
    return {
      path: "/.well-known/coap",
      load: async () => (_request, response) => {
        response.writeHead(426, { upgrade: "websocket", "content-type": "text/plain; charset=utf-8" });
        response.end("CoAP over WebSocket: connect with ws:// and the sub-protocol coap\n");
      },
      loadUpgrade: async () => {
        const door = this.#door;
        if (door === undefined) throw new Error("the CoAP door is not open yet");
        return (request, socket, head, { name }) =>
          door.upgrade(request, socket, head, new CoapEntrance(name, peerOf(request.socket)));
      },
    };
  }

  /**
   * @param proxyInFrontOf see {@link CoapDoorInit.proxyInFrontOf}.
   * @throws ListenError
   */
  async open(proxyInFrontOf?: CoapDoorInit["proxyInFrontOf"]): Promise<void> {
    const { CoapDoor } = await import("./coap-door.js");
    const { host = LOOPBACK, port, limits } = this.#options;
    const options = { ...COAP_DEFAULTS, ...limits };
    this.#door = new CoapDoor({
      context: this.#context,
      options,
      maxTopicLevels: this.#maxTopicLevels,
      proxyInFrontOf,
    });
    if (port !== undefined) await this.#door.open({ host, port });
  }

  /** A connection came in by `listener`, over TLS. */
  accept(socket: Socket, listener: string): void {
    const door = this.#door;
    if (door === undefined) socket.destroy();
    else door.accept(socket, new CoapEntrance(listener, peerOf(socket)));
  }

  async close(): Promise<void> {
    await this.#door?.close();
  }
}
