import { utf8Length } from "@isthmus/bytes";
import { MAX_STRING_SIZE, type Properties, ReasonCode } from "@isthmus/mqtt/codec";

/** What the hub tells clients of MQTT 5.0 besides its limits. */
export interface MqttAnnouncements {
  /**
   * For clients that ask where to have their responses (3.2.2.3.15): the topic below which each has its own, `%c`
   * stands for the client identifier. Default `responses/%c`; empty tells nobody.
   */
  readonly responseInformation?: string | undefined;
  /** Where else clients may go (4.11), such as `other.example:1883`: told when the hub shuts down. Default: nowhere. */
  readonly serverReference?: string | undefined;
  /** Whether the hub has moved to `serverReference` for good: all clients are turned away at once. Default false. */
  readonly hasMoved?: boolean | undefined;
}

/** Why a client is sent away, in words and properties of MQTT 5.0. */
export interface Farewell {
  readonly reasonCode: number;
  readonly message: string;
  readonly properties: Properties | undefined;
}

/** Response Information for a client that asks for it; undefined for none, or none that has room. [MQTT-3.1.2-28] */
export function responseInformationFor(
  { responseInformation = "responses/%c" }: MqttAnnouncements,
  connect: Properties | undefined,
  clientId: string,
): string | undefined {
  if (connect?.requestResponseInformation !== true || responseInformation === "") return undefined;
  // One level of a topic, whatever the client calls itself.
  const level = clientId.replaceAll(/[%/+#]/g, (character) => encodeURIComponent(character));
  const information = responseInformation.replaceAll("%c", () => level);
  // A client identifier alone can be as long as a string of MQTT.
  return utf8Length(information) > MAX_STRING_SIZE ? undefined : information;
}

/** What clients hear when the hub shuts down. */
export function farewellOnShutdown(announcements: MqttAnnouncements): Farewell {
  const { serverReference, hasMoved } = announcements;
  if (serverReference === undefined) {
    return {
      reasonCode: ReasonCode.serverShuttingDown,
      message: "the server is shutting down",
      properties: undefined,
    };
  }
  if (hasMoved === true) return farewellOfMoved(serverReference);
  const message = "the server is shutting down; there is another one";
  return { reasonCode: ReasonCode.useAnotherServer, message, properties: { serverReference } };
}

/** What clients hear that come to a hub that has moved; undefined when it has not. */
export function farewellOnConnect({ serverReference, hasMoved }: MqttAnnouncements): Farewell | undefined {
  return hasMoved === true && serverReference !== undefined ? farewellOfMoved(serverReference) : undefined;
}

function farewellOfMoved(serverReference: string): Farewell {
  return { reasonCode: ReasonCode.serverMoved, message: "the server has moved", properties: { serverReference } };
}
