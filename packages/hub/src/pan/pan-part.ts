import type { CoapDoor } from "../doors/coap/coap-door.js";
import type { HubContext, HubPart } from "../hub-context.js";
import type { BorderRouter } from "./border-router.js";
import type { PanOptions } from "./pan-options.js";

/** The border router as the hub has it: loaded when the CoAP door is open. */
export class PanPart implements HubPart {
  readonly #context: HubContext;
  readonly #options: PanOptions;
  readonly #door: () => CoapDoor | undefined;
  #router: BorderRouter | undefined;

  /** @param door the CoAP door, once it is open. */
  constructor(context: HubContext, options: PanOptions, door: () => CoapDoor | undefined) {
    this.#context = context;
    this.#options = options;
    this.#door = door;
  }

  /** Undefined until it is open. */
  get router(): BorderRouter | undefined {
    return this.#router;
  }

  /** @throws RangeError when there is no CoAP door: nodes speak CoAP. */
  async open(): Promise<void> {
    const door = this.#door();
    if (door === undefined) throw new RangeError("a border router needs the CoAP door: its nodes speak CoAP");
    const { BorderRouter } = await import("./border-router.js");
    this.#router = new BorderRouter(this.#context, door, this.#options);
    await this.#router.open();
  }

  async close(): Promise<void> {
    await this.#router?.close();
  }
}
