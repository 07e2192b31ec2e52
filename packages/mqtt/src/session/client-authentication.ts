import { protocolError } from "../codec/errors.js";
import type { AuthPacket } from "../codec/packets.js";
import type { Properties } from "../codec/properties.js";
import { ReasonCode } from "../codec/reason-codes.js";

/** What the application says to the data with which the server lets the client in. Throwing ends the connection. */
export type FinishAuthentication = (authenticationData: Uint8Array | undefined) => void;

/**
 * The client's part in enhanced authentication (4.12): which AUTH and CONNACK packets may come when. What is in them is
 * up to the application.
 */
export class ClientAuthentication {
  readonly #method: string | undefined;
  readonly #finish: FinishAuthentication | undefined;
  /** Whether an authentication is under way that the client has begun on the open connection (4.12.1). */
  #isRepeating = false;

  /** @param method of CONNECT; undefined when the client does not authenticate in this way. */
  constructor(method: string | undefined, finish: FinishAuthentication | undefined) {
    this.#method = method;
    this.#finish = finish;
  }

  /** A connection begins. */
  open(): void {
    this.#isRepeating = false;
  }

  /**
   * The AUTH packet with the client's next step, or, with reason code 0x19, with the first one of a repetition.
   *
   * @throws TypeError when CONNECT names no method. [MQTT-4.12.0-7]
   */
  packet(reasonCode: number, authenticationData: Uint8Array | undefined): AuthPacket {
    const authenticationMethod = this.#method; // [MQTT-4.12.1-1]
    if (authenticationMethod === undefined) throw new TypeError("the session has no authentication method");
    if (reasonCode === ReasonCode.reAuthenticate) this.#isRepeating = true;
    return { type: "auth", reasonCode, properties: { authenticationMethod, authenticationData } };
  }

  /**
   * A CONNACK that accepts.
   *
   * @returns what the application has against it.
   * @throws MqttProtocolError for another method than CONNECT's.
   */
  receiveConnack(properties: Properties | undefined): Error | undefined {
    this.#checkMethod(properties, "CONNACK");
    return this.#objection(properties);
  }

  /**
   * An AUTH came in: a further step or, on an open connection, the end of a repetition.
   *
   * @returns what the application has against it.
   * @throws MqttProtocolError when none was to come, or not this one.
   */
  receiveAuth({ reasonCode, properties }: AuthPacket, isOpen: boolean): Error | undefined {
    if (this.#method === undefined) throw protocolError("AUTH, but CONNECT named no authentication method"); // [MQTT-4.12.0-6]
    this.#checkMethod(properties, "AUTH");
    if (isOpen && !this.#isRepeating) throw protocolError("AUTH, but only the client may authenticate anew"); // 4.12.1
    // Before CONNACK, which tells of success, there are only further steps. [MQTT-4.12.0-2]
    const isDone = isOpen && reasonCode === ReasonCode.success;
    if (!isDone && reasonCode !== ReasonCode.continueAuthentication) {
      throw protocolError(`AUTH with reason code ${reasonCode} from the server`);
    }
    if (!isDone) return undefined;
    this.#isRepeating = false;
    return this.#objection(properties);
  }

  #objection(properties: Properties | undefined): Error | undefined {
    try {
      this.#finish?.(properties?.authenticationData);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** [MQTT-4.12.0-5] [MQTT-4.12.0-6] */
  #checkMethod(properties: Properties | undefined, packet: "CONNACK" | "AUTH"): void {
    const named = properties?.authenticationMethod;
    if (named === this.#method) return;
    throw protocolError(`${packet} names the authentication method ${named}, CONNECT ${this.#method}`);
  }
}
