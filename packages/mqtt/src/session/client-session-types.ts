import type {
  AcknowledgementPacket,
  AuthPacket,
  ConnackPacket,
  Packet,
  ProtocolVersion,
  PublishPacket,
  SubackPacket,
  UnsubackPacket,
  Will,
} from "../codec/packets.js";
import type { Properties } from "../codec/properties.js";
import type { FinishAuthentication } from "./client-authentication.js";
import type { ClientPacket } from "./client-codec.js";

/** What a client session is and may do. */
export interface ClientSessionOptions {
  readonly protocolVersion: ProtocolVersion;
  /** Empty asks the server to assign one; the session keeps it for its later connections. [MQTT-3.2.2-16] */
  readonly clientId: string;
  /** Whether the first connection starts a new session; later ones resume it where the protocol can. */
  readonly cleanStart: boolean;
  /** Seconds; 0 turns keep alive off. The server may set another one. [MQTT-3.1.2-21] */
  readonly keepAlive: number;
  readonly username?: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly will?: Will | undefined;
  /** Properties of CONNECT (3.1.2.11), MQTT 5.0 only; the limits in them are kept to: `receiveMaximum`, `maximumPacketSize`... */
  readonly properties?: Properties | undefined;
  /** Bytes that may wait to be sent, with {@link QUEUED_MESSAGE_OVERHEAD_BYTES} for each message. Default 16 MiB. */
  readonly queueLimitBytes?: number | undefined;
  /** Milliseconds that the server has for CONNACK. Default 30,000. */
  readonly connackTimeoutMs?: number | undefined;
  /** Milliseconds that the server has for PINGRESP. Default 10,000. */
  readonly pingTimeoutMs?: number | undefined;
  /** Whether to use the topic aliases that the server offers (3.2.2.3.8). Default true. */
  readonly usesTopicAliases?: boolean | undefined;
  /** Sees the authentication data with which the server is content (4.12); throwing ends the connection. */
  readonly finishAuthentication?: FinishAuthentication | undefined;
  /** Sees every packet, for logs. */
  readonly trace?: PacketTrace | undefined;
}

/** Sees a packet that is about to be sent, or that came in and was not acted on yet. */
export type PacketTrace = (direction: "sent" | "received", packet: Packet) => void;

/** What a queued message counts for besides its bytes. */
export const QUEUED_MESSAGE_OVERHEAD_BYTES = 128;

/** A message to be published; the session adds packet identifier, DUP and topic alias. */
export type OutboundMessage = Pick<PublishPacket, "topic" | "payload" | "qos" | "retain" | "properties">;

/** The packet that ends what the application asked for. */
export type CompletingPacket = AcknowledgementPacket | SubackPacket | UnsubackPacket;

/**
 * What happened, for the application. `context` is what the application gave with its request; each context is
 * completed or failed once.
 */
export type ClientSessionEvent<C> =
  | {
      readonly type: "connected";
      readonly connack: ConnackPacket;
      /** False when the server knows nothing of earlier subscriptions and messages. */
      readonly isSessionPresent: boolean;
    }
  /** A message, its topic alias resolved; duplicates of QoS 2 messages are left out. */
  | { readonly type: "message"; readonly packet: PublishPacket }
  /** Done. The packet is undefined for a QoS 0 message, and may still carry a reason code of 0x80 or above. */
  | { readonly type: "completed"; readonly context: C; readonly packet: CompletingPacket | undefined }
  | { readonly type: "failed"; readonly context: C; readonly error: Error }
  /** Enhanced authentication (4.12): the server's next step, or its word that re-authentication is done. */
  | { readonly type: "authentication"; readonly packet: AuthPacket }
  /** The connection is to be closed: after what is to be sent, or at once when `isAbrupt`. */
  | { readonly type: "close"; readonly error: Error | undefined; readonly isAbrupt: boolean };

/** What the parts of a session need of it. */
export interface SessionPort<C> {
  /**
   * @throws RefusedError when the packet is larger than the server takes. [MQTT-3.2.2-15]
   * @throws RangeError, TypeError when it cannot be encoded.
   */
  send(packet: ClientPacket): void;
  /** Bytes of the packet. @throws RangeError, TypeError when it cannot be encoded. */
  sizeOf(packet: ClientPacket): number;
  emit(event: ClientSessionEvent<C>): void;
}
