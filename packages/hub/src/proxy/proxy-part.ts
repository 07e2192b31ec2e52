import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestHandler } from "@isthmus/coap";
import { identifyRequest } from "../doors/http/http-caller.js";
import { respondWithProblem } from "../doors/http/problem.js";
import { admitWebPage } from "../doors/http/web-pages.js";
import type { HubContext, HubPart } from "../hub-context.js";
import type { HttpEntrance, HttpMount } from "../listeners/http-mount.js";
import type { CrossProxy } from "./cross-proxy.js";
import type { ProxyOptions } from "./proxy-options.js";

/** The cross proxy as the hub has it: loaded when it is first needed. */
export class ProxyPart implements HubPart {
  readonly mount: HttpMount = {
    path: "/hc",
    load: async () => {
      const proxy = await this.#load();
      return (request, response, entrance) => void this.#answer(proxy, request, response, entrance);
    },
  };
  readonly #context: HubContext;
  readonly #options: ProxyOptions;
  #loading: Promise<CrossProxy> | undefined;

  constructor(context: HubContext, options: ProxyOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** @throws TypeError for a rule that cannot be. */
  async open(): Promise<void> {
    await this.#load();
  }

  async close(): Promise<void> {
    await (await this.#loading)?.close();
  }

  /** For the CoAP door, see {@link CrossProxy.inFrontOf}. */
  async inFrontOf(): Promise<(server: RequestHandler) => RequestHandler> {
    const proxy = await this.#load();
    return (server) => proxy.inFrontOf(server);
  }

  #load(): Promise<CrossProxy> {
    this.#loading ??= import("./cross-proxy.js").then((module) => new module.CrossProxy(this.#context, this.#options));
    return this.#loading;
  }

  /** Whoever is let in at the door may use the proxy. */
  async #answer(
    proxy: CrossProxy,
    request: IncomingMessage,
    response: ServerResponse,
    entrance: HttpEntrance,
  ): Promise<void> {
    try {
      if (admitWebPage(request, response, entrance)) return;
      await identifyRequest(this.#context, request, entrance);
      proxy.handleHttp(request, response);
    } catch (error) {
      if (!respondWithProblem(response, error)) this.#context.log.error({ err: error }, "proxy request failed");
    }
  }
}
