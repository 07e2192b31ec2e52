import type { CoapDoor } from "../doors/coap/coap-door.js";
import type { HubContext, HubPart } from "../hub-context.js";
import type { Mirror } from "./mirror.js";
import type { MirrorOptions } from "./mirror-options.js";

/** The mirror as the hub has it: loaded when the CoAP door is open. */
export class MirrorPart implements HubPart {
  readonly #context: HubContext;
  readonly #options: MirrorOptions;
  readonly #door: () => CoapDoor | undefined;
  readonly #maxTopicLevels: number;
  #mirror: Mirror | undefined;

  /** @param door the CoAP door, once it is open. */
  constructor(context: HubContext, options: MirrorOptions, door: () => CoapDoor | undefined, maxTopicLevels: number) {
    this.#context = context;
    this.#options = options;
    this.#door = door;
    this.#maxTopicLevels = maxTopicLevels;
  }

  async open(): Promise<void> {
    const door = this.#door();
    if (door === undefined) return;
    const { Mirror } = await import("./mirror.js");
    this.#mirror = new Mirror(this.#context, door, this.#maxTopicLevels, this.#options);
    await this.#mirror.open();
  }

  async close(): Promise<void> {
    await this.#mirror?.close();
  }
}
