import type { HubContext, HubPart } from "../../hub-context.js";
import type { HttpHandler, HttpMount, UpgradeHandler } from "../../listeners/http-mount.js";
import type { HttpDoorOptions } from "./http-options.js";
import type { HttpDoor } from "./http-door.js";

/** `/topics` on the HTTP listeners: a few lines, until the first request. */
export class TopicsMount implements HttpMount, HubPart {
  readonly path = "/topics";
  readonly #context: HubContext;
  readonly #limits: Partial<HttpDoorOptions>;
  readonly #maxTopicLevels: number;
  #loading: Promise<HttpDoor> | undefined;

  constructor(context: HubContext, limits: Partial<HttpDoorOptions>, maxTopicLevels: number) {
    this.#context = context;
    this.#limits = limits;
    this.#maxTopicLevels = maxTopicLevels;
  }

  async load(): Promise<HttpHandler> {
    const door = await this.#door();
    return (request, response, entrance) => door.handleRequest(request, response, entrance);
  }

  async loadUpgrade(): Promise<UpgradeHandler> {
    const door = await this.#door();
    return (request, socket, head, entrance) => door.handleUpgrade(request, socket, head, entrance);
  }

  async open(): Promise<void> {
    // There is nothing to do before the first request.
  }

  async close(): Promise<void> {
    (await this.#loading)?.close();
  }

  #door(): Promise<HttpDoor> {
    this.#loading ??= import("./http-door.js").then(
      ({ HttpDoor }) => new HttpDoor(this.#context, this.path, this.#limits, this.#maxTopicLevels),
    );
    return this.#loading;
  }
}
