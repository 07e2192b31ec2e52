import type { HubContext, HubPart } from "../hub-context.js";
import type { MqttDoor } from "../doors/mqtt/mqtt-door.js";
import type { Bridge } from "./bridge.js";
import type { BridgeOptions } from "./bridge-options.js";

/** All bridges of a hub. What they are made of is loaded when there are any. */
export class BridgesPart implements HubPart {
  readonly #context: HubContext & { readonly mqttDoor: MqttDoor };
  readonly #options: readonly BridgeOptions[];
  #bridges: readonly Bridge[] = [];

  /** @throws RangeError for names that cannot be, or that two bridges have. */
  constructor(context: HubContext & { readonly mqttDoor: MqttDoor }, options: readonly BridgeOptions[]) {
    this.#context = context;
    this.#options = options;
    const names = new Set<string>();
    for (const { name } of options) {
      if (!/^[\w.-]{1,64}$/.test(name)) throw new RangeError(`bridge ${name}: a name has letters, digits, -, _ and .`);
      if (names.has(name)) throw new RangeError(`two bridges have the name ${name}`);
      names.add(name);
    }
  }

  async open(): Promise<void> {
    const { mqttDoor } = this.#context;
    if (this.#options.length > 0) {
      const { Bridge } = await import("./bridge.js");
      const mark = process.getBuiltinModule("node:crypto").randomBytes(6).toString("hex");
      this.#bridges = this.#options.map((each) => new Bridge({ ...this.#context, mark }, each));
    }
    this.#endFormerSessions(mqttDoor);
    for (const bridge of this.#bridges) await bridge.open();
  }

  async close(): Promise<void> {
    await Promise.all(this.#bridges.map((bridge) => bridge.close()));
  }

  /** Nobody comes for what a bridge that is no more has left. */
  #endFormerSessions(door: MqttDoor): void {
    const current = new Set(this.#bridges.map(({ clientId }) => clientId));
    for (const session of door.sessions) {
      const isOfBridge = session.clientId.startsWith(BRIDGE_CLIENT_PREFIX);
      if (isOfBridge && !current.has(session.clientId)) door.endSession(session);
    }
  }
}

/** Client identifiers of bridges on this side; no client from outside can have one. */
export const BRIDGE_CLIENT_PREFIX = "$isthmus/bridge/";
