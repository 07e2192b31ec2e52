import { utf8Length } from "@isthmus/bytes";
import { type ConnectPacket, MqttProtocolError, type Properties, ReasonCode } from "@isthmus/mqtt/codec";
import type { Credentials, Identity, Refusal, Verdict } from "../../access/access.js";
import { farewellOnConnect } from "./announcements.js";
import { EnhancedAuthentication } from "./enhanced-authentication.js";
import type { MqttConnection } from "./mqtt-connection.js";
import type { MqttDoor } from "./mqtt-door.js";
import type { SessionRegistry } from "./session-registry.js";

/** What client identifiers of parts of the hub begin with. */
const OWN_PREFIX = "$isthmus/";

/** Who is let in by the MQTT door: from a CONNECT to its CONNACK. */
export class Admission {
  readonly #door: MqttDoor;
  readonly #sessions: SessionRegistry;

  constructor(door: MqttDoor, sessions: SessionRegistry) {
    this.#door = door;
    this.#sessions = sessions;
  }

  /** A client has sent CONNECT: lets it in or turns it away, at once or once that is known. [MQTT-3.1.4-2] */
  connect(connection: MqttConnection, packet: ConnectPacket): void {
    const farewell = farewellOnConnect(this.#door.announcements);
    if (farewell !== undefined) {
      connection.refuse(farewell.reasonCode, farewell.message, farewell.properties);
      return;
    }
    const { ownIdentity } = connection;
    if (ownIdentity !== undefined) {
      this.#decide(connection, packet, ownIdentity);
      return;
    }
    const refusal = this.#checkClientId(packet);
    const method = packet.properties?.authenticationMethod;
    if (refusal !== undefined) connection.refuse(refusal.reasonCode, refusal.reason);
    else if (method !== undefined) this.#authenticate(connection, packet, method);
    else this.#ask(connection, packet);
  }

  #ask(connection: MqttConnection, packet: ConnectPacket): void {
    const verdict = this.#door.access.authenticate(credentialsOf(connection, packet));
    if (!(verdict instanceof Promise)) this.#decide(connection, packet, verdict);
    else connection.awaitVerdict(verdict.then((known) => this.#decide(connection, packet, known)));
  }

  #decide(connection: MqttConnection, packet: ConnectPacket, verdict: Verdict): void {
    // The client, or the hub, may have gone meanwhile.
    if (connection.isClosing) return;
    if ("reasonCode" in verdict) connection.refuse(verdict.reasonCode, verdict.reason);
    else this.#tryToAdmit(connection, packet, verdict);
  }

  /** The client is to be known by an exchange of several messages (4.12). */
  #authenticate(connection: MqttConnection, packet: ConnectPacket, method: string): void {
    connection.authentication = new EnhancedAuthentication(
      connection,
      {
        begin: (name, credentials) => this.#door.access.beginExchange(name, credentials),
        admit: (identity, properties) => this.#tryToAdmit(connection, packet, identity, properties),
      },
      credentialsOf(connection, packet),
      method,
    );
    connection.authentication.start(packet);
  }

  #tryToAdmit(connection: MqttConnection, packet: ConnectPacket, identity: Identity, properties?: Properties): void {
    try {
      this.#admit(connection, packet, identity, properties);
    } catch (error) {
      if (!(error instanceof MqttProtocolError)) throw error;
      connection.refuse(error.reasonCode, error.message);
    }
  }

  /**
   * @param properties belong into CONNACK
   * @throws MqttProtocolError for a will that cannot be published, or a user with too many connections.
   */
  #admit(connection: MqttConnection, packet: ConnectPacket, identity: Identity, properties?: Properties): void {
    const { clock, metrics, hooks, log } = this.#door;
    clock.tick();
    this.#checkUserConnections(identity, packet.clientId);
    const { session, isPresent } = this.#sessions.open(packet, identity);
    // The rules may speak of an identifier that the server has made up.
    const known = { ...identity, clientId: session.clientId };
    session.setIdentity(known);
    connection.accept(session, known, packet, isPresent, properties);
    metrics.clientsAccepted++;
    hooks?.tellConnected(connection.hookClient);
    log.info(
      {
        client: session.clientId,
        address: connection.remoteAddress,
        listener: connection.listener,
        version: packet.protocolVersion,
        user: identity.user,
        sessionPresent: isPresent,
      },
      "client connected",
    );
  }

  /** Who comes back for a session of their own takes over the connection that holds it. */
  #checkUserConnections({ user }: Identity, clientId: string): void {
    const { maxConnectionsPerUser } = this.#door.options;
    if (maxConnectionsPerUser === Number.POSITIVE_INFINITY || user === undefined) return;
    let count = 0;
    for (const { identity, session } of this.#door.connections) {
      if (session === undefined || identity.user !== user || session.clientId === clientId) continue;
      if (++count < maxConnectionsPerUser) continue;
      const message = `${maxConnectionsPerUser} connections of the user ${user} are open`;
      throw new MqttProtocolError(ReasonCode.quotaExceeded, message);
    }
  }

  #checkClientId(packet: ConnectPacket): Refusal | undefined {
    const { clientId, protocolVersion, cleanStart } = packet;
    const { maxClientIdBytes } = this.#door.options;
    const reasonCode = ReasonCode.clientIdentifierNotValid;
    if (clientId === "" && protocolVersion === 3) return { reasonCode, reason: "MQTT 3.1 needs a client identifier" };
    if (clientId === "" && protocolVersion === 4 && !cleanStart) {
      // [MQTT-3.1.3-8] of MQTT 3.1.1
      return { reasonCode, reason: "a persistent session needs a client identifier" };
    }
    if (clientId.startsWith(OWN_PREFIX)) return { reasonCode, reason: `${OWN_PREFIX} is for the hub itself` };
    const size = utf8Length(clientId);
    if (size <= maxClientIdBytes) return undefined;
    return { reasonCode, reason: `client identifier of ${size} bytes exceeds ${maxClientIdBytes}` };
  }
}

function credentialsOf({ listener, remoteAddress, certificate }: MqttConnection, packet: ConnectPacket): Credentials {
  const { clientId, username, password } = packet;
  return { door: "mqtt", listener, address: remoteAddress, clientId, user: username, password, certificate };
}
