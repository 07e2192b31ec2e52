import {
  type AuthPacket,
  type ConnectPacket,
  isReasonCodeOf,
  MqttProtocolError,
  type Properties,
  ReasonCode,
} from "@isthmus/mqtt/codec";
import type {
  AuthenticationExchange,
  AuthenticationStep,
  Credentials,
  Identity,
  Refusal,
} from "../../access/access.js";
import type { MqttConnection } from "./mqtt-connection.js";

/** What an authentication needs of the door. */
interface Door {
  /** @returns undefined when the method is not supported. */
  begin(method: string, credentials: Credentials): AuthenticationExchange | undefined;
  /** The client is who it says it is. `properties` belong into CONNACK. */
  admit(identity: Identity, properties: Properties): void;
}

/**
 * The enhanced authentication of one connection (4.12): the exchange between CONNECT and CONNACK, and those that the
 * client begins later to authenticate anew.
 */
export class EnhancedAuthentication {
  readonly #connection: MqttConnection;
  readonly #door: Door;
  readonly #credentials: Credentials;
  readonly #method: string;
  /** The exchange that is under way. */
  #exchange: AuthenticationExchange | undefined;
  /** Whether the client's last message is still being looked at. */
  #isThinking = false;

  constructor(connection: MqttConnection, door: Door, credentials: Credentials, method: string) {
    this.#connection = connection;
    this.#door = door;
    this.#credentials = credentials;
    this.#method = method;
  }

  /** Takes up what CONNECT has brought. */
  start({ properties }: ConnectPacket): void {
    this.#exchange = this.#door.begin(this.#method, this.#credentials);
    if (this.#exchange !== undefined) this.#proceed(this.#exchange, properties?.authenticationData);
    // [MQTT-4.12.0-1]
    else this.#connection.refuse(ReasonCode.badAuthenticationMethod, `the method ${this.#method} is not supported`);
  }

  /** @throws MqttProtocolError for a packet that has no place in an exchange. */
  handleAuth({ reasonCode, properties }: AuthPacket): void {
    const { authenticationMethod: method, authenticationData: data } = properties ?? {};
    // [MQTT-4.12.0-5] [MQTT-4.12.1-1]
    if (method !== this.#method) throw wrong(`AUTH of the method ${method} in the place of ${this.#method}`);
    if (this.#isThinking) throw wrong("AUTH before the answer to the one before");
    if (reasonCode === ReasonCode.reAuthenticate) this.#restart(data);
    else if (reasonCode !== ReasonCode.continueAuthentication) throw wrong(`AUTH with the reason code ${reasonCode}`);
    else if (this.#exchange === undefined) throw wrong("AUTH goes on with an exchange that has not begun");
    else this.#proceed(this.#exchange, data);
  }

  /** [MQTT-4.12.1-1] */
  #restart(data: Uint8Array | undefined): void {
    if (this.#connection.session === undefined) throw wrong("re-authentication before CONNACK");
    this.#exchange = this.#door.begin(this.#method, this.#credentials);
    if (this.#exchange === undefined) {
      this.#connection.disconnect(
        ReasonCode.badAuthenticationMethod,
        `the method ${this.#method} is no longer supported`,
      );
    } else this.#proceed(this.#exchange, data);
  }

  /** Before CONNACK nothing else is handled meanwhile; later the client goes on as it likes. */
  #proceed(exchange: AuthenticationExchange, data: Uint8Array | undefined): void {
    const isWelcomed = this.#connection.session !== undefined;
    this.#isThinking = true;
    const handled = this.#receive(exchange, data, isWelcomed);
    if (isWelcomed) void handled;
    else this.#connection.awaitVerdict(handled);
  }

  async #receive(exchange: AuthenticationExchange, data: Uint8Array | undefined, isWelcomed: boolean): Promise<void> {
    const step = await exchange.receive(data);
    this.#isThinking = false;
    if (this.#connection.isClosing) return;
    if (step.type !== "continue") this.#exchange = undefined;
    if (isWelcomed) this.#handleLater(step);
    else this.#handleFirst(step);
  }

  #handleFirst(step: AuthenticationStep): void {
    switch (step.type) {
      case "continue":
        this.#connection.challenge(this.#propertiesOf(step.data));
        return;
      case "success":
        this.#door.admit(step.identity, this.#propertiesOf(step.data));
        return;
      case "failure":
        this.#connection.refuse(step.reasonCode, step.reason); // [MQTT-4.12.0-4]
    }
  }

  #handleLater(step: AuthenticationStep): void {
    switch (step.type) {
      case "continue":
        this.#connection.send({
          type: "auth",
          reasonCode: ReasonCode.continueAuthentication,
          properties: this.#propertiesOf(step.data),
        });
        return;
      case "success":
        this.#renew(step.identity, step.data);
        return;
      case "failure":
        this.#end(step); // [MQTT-4.12.1-2]
    }
  }

  /** What CONNACK has a word of its own for is not authorized in DISCONNECT. */
  #end({ reasonCode, reason }: Refusal): void {
    const isTold = isReasonCodeOf("disconnect", reasonCode);
    this.#connection.disconnect(isTold ? reasonCode : ReasonCode.notAuthorized, reason);
  }

  /** A session has one user. */
  #renew(identity: Identity, data: Uint8Array): void {
    if (identity.user !== this.#connection.identity.user) {
      this.#connection.disconnect(ReasonCode.notAuthorized, "re-authentication as another user");
      return;
    }
    this.#connection.renewIdentity(identity);
    this.#connection.send({ type: "auth", reasonCode: ReasonCode.success, properties: this.#propertiesOf(data) });
  }

  #propertiesOf(authenticationData: Uint8Array): Properties {
    // [MQTT-4.12.0-5]
    return { authenticationMethod: this.#method, authenticationData };
  }
}

function wrong(message: string): MqttProtocolError {
  return new MqttProtocolError(ReasonCode.protocolError, message);
}
