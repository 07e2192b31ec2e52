import type { HubContext, HubPart } from "../hub-context.js";
import type { HttpMount } from "../listeners/http-mount.js";
import type { SealingGate } from "./sealing-gate.js";
import type { SmqttOptions } from "./smqtt-options.js";
import type { SmqttService } from "./smqtt-service.js";

/**
 * The hub's part in Secure MQTT as the hub has it: a few lines, until it is opened. Elliptic curves take megabytes, and a
 * hub that only carries sealed messages need not have them.
 */
export class SmqttPart implements HubPart {
  readonly #context: HubContext;
  readonly #options: SmqttOptions;
  readonly #gate: SealingGate | undefined;
  #service: Promise<SmqttService> | undefined;

  /** @param gate what stands before the exchange, if anything is to be sealed. */
  constructor(context: HubContext, options: SmqttOptions, gate: SealingGate | undefined) {
    this.#context = context;
    this.#options = options;
    this.#gate = gate;
  }

  /** Enrolment over HTTP. */
  get mount(): HttpMount {
    return {
      path: "/smqtt/enrol",
      load: async () => {
        const { relay } = await this.#load();
        return (request, response) => void relay.handle(request, response);
      },
    };
  }

  async open(): Promise<void> {
    const { authority, sealing } = this.#options;
    if (authority === undefined && sealing === undefined) return;
    const service = await this.#load();
    // First: the hub's own keys may be due for renewal.
    if (authority !== undefined) await service.openAuthority(authority);
    if (sealing !== undefined && this.#gate !== undefined) await service.openSealing(sealing, this.#gate);
  }

  async close(): Promise<void> {
    this.#gate?.close();
    await (await this.#service)?.close();
  }

  #load(): Promise<SmqttService> {
    this.#service ??= import("./smqtt-service.js").then(
      ({ SmqttService }) => new SmqttService(this.#context, this.#options),
    );
    return this.#service;
  }
}
