import { encodeUtf8, toHex } from "@isthmus/bytes";
import type { ConnackPacket, ProtocolVersion, QoS, Will } from "../codec/packets.js";
import type { Properties } from "../codec/properties.js";
import type { ClientSessionOptions, PacketTrace } from "../session/client-session-types.js";
import type { Transport } from "../transport/transport.js";
import type { ReconnectOptions } from "./keep-connected.js";

/** How to connect. Everything has a default; sizes are in bytes, `...Ms` in milliseconds, `...Seconds` in seconds. */
export interface ConnectOptions {
  /** 5 is MQTT 5.0, 4 is MQTT 3.1.1, 3 is MQTT 3.1. Default 5. */
  readonly protocolVersion?: ProtocolVersion | undefined;
  /** Default: a random one (`isthmus-` and 14 hexadecimal digits). Empty lets the server choose. */
  readonly clientId?: string | undefined;
  /**
   * Whether to begin with a new session. Default true: what the server keeps for this client identifier is dropped.
   * False resumes it, and leaves it on the server when the client closes.
   */
  readonly cleanStart?: boolean | undefined;
  /**
   * How long the server keeps the session without a connection (MQTT 5.0). Default 300 with a clean start: enough to
   * resume after a broken connection; `close()` ends it. Default 4,294,967,295 (for ever) without.
   */
  readonly sessionExpiryIntervalSeconds?: number | undefined;
  /** Default 60; 0 turns keep alive off. */
  readonly keepAliveSeconds?: number | undefined;
  /** Default: what the URL says. */
  readonly username?: string | undefined;
  /** Default: what the URL says. */
  readonly password?: string | Uint8Array | undefined;
  /** What the server publishes when the connection breaks. */
  readonly will?: WillOptions | undefined;
  /**
   * More properties of CONNECT (MQTT 5.0), such as `userProperties`, `receiveMaximum`, `maximumPacketSize`,
   * `topicAliasMaximum`.
   */
  readonly properties?: Properties | undefined;
  /**
   * Enhanced authentication (MQTT 5.0, 4.12): `scramSha256({ username, password })` of `@isthmus/mqtt/scram`, or one of
   * your own. User name and password of the URL are not sent with it.
   */
  readonly authentication?: Authentication | undefined;
  /** How to connect again when the connection breaks; false: not at all. */
  readonly reconnect?: ReconnectOptions | false | undefined;
  /** How long opening the connection may take, and how long the server has to answer CONNECT. Default 30,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long the server has to answer PINGREQ. Default 10,000. */
  readonly pingTimeoutMs?: number | undefined;
  /** What may wait to be sent; publishing more fails with QueueFullError. Default 16 MiB. */
  readonly queueLimitBytes?: number | undefined;
  /** What may wait to be read before the client stops reading from the connection. Default 1 MiB. */
  readonly bufferLimitBytes?: number | undefined;
  /** Whether to use the topic aliases that the server offers (MQTT 5.0). Default true. */
  readonly usesTopicAliases?: boolean | undefined;
  /** Whether to tell overlapping subscriptions apart by subscription identifiers (MQTT 5.0). Default true. */
  readonly usesSubscriptionIdentifiers?: boolean | undefined;
  /** Closes the client when it aborts; before that it gives up connecting. */
  readonly signal?: AbortSignal | undefined;
  /** Opens a connection of another kind, instead of what the URL says. */
  readonly transport?: (() => Transport | Promise<Transport>) | undefined;
  /** Called after each connection that the server has accepted. */
  readonly onConnect?: ((connection: ConnectionInfo) => void) | undefined;
  /** Called when a connection is gone that the server had accepted, or one more attempt has failed. */
  readonly onDisconnect?: ((disconnection: DisconnectionInfo) => void) | undefined;
  /** Sees every packet, for logs. */
  readonly trace?: PacketTrace | undefined;
}

/** The will (3.1.2.5). */
export interface WillOptions {
  readonly topic: string;
  /** Default: empty. */
  readonly payload?: string | Uint8Array | undefined;
  /** Default 0. */
  readonly qos?: QoS | undefined;
  /** Default false. */
  readonly retain?: boolean | undefined;
  /** MQTT 5.0 properties, such as `willDelayInterval`. */
  readonly properties?: Properties | undefined;
}

/** Enhanced authentication (4.12): what the client says, given what the server says. */
export interface Authentication {
  /** The authentication method, such as `SCRAM-SHA-256`. */
  readonly method: string;
  /** The data that goes with CONNECT, and with a re-authentication. Default: none. */
  readonly start?: (() => Uint8Array | undefined | Promise<Uint8Array | undefined>) | undefined;
  /** The answer to a step of the server. Throwing closes the connection. */
  readonly respond: (data: Uint8Array | undefined) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Sees the data with which the server lets the client in. Throwing closes the connection: that is not my server. */
  readonly finish?: ((data: Uint8Array | undefined) => void) | undefined;
}

export interface ConnectionInfo {
  /** Whether the server still had the session: what it holds for this client follows, subscriptions go on. */
  readonly isSessionPresent: boolean;
  /** False for the first connection. */
  readonly isReconnect: boolean;
  readonly connack: ConnackPacket;
}

export interface DisconnectionInfo {
  /** What ended the connection; undefined when the client was closed. */
  readonly error: Error | undefined;
  /** Milliseconds until the next attempt; undefined when there will be none. */
  readonly retryInMs: number | undefined;
}

/** What may wait to be sent, by default. */
export const DEFAULT_QUEUE_LIMIT_BYTES = 16 * 1024 * 1024;
const DEFAULT_SESSION_EXPIRY_SECONDS = 300;
const NEVER_EXPIRES_SECONDS = 0xffff_ffff;

/** What the session is told: options, and what the URL says about the user. */
export function sessionOptions(url: URL, options: ConnectOptions): ClientSessionOptions {
  const protocolVersion = options.protocolVersion ?? 5;
  const cleanStart = options.cleanStart ?? true;
  const { authentication } = options;
  if (authentication !== undefined && protocolVersion !== 5) throw new TypeError("authentication needs MQTT 5.0");
  // Who authenticates by another method wants to keep the password to itself.
  const address = authentication === undefined ? url : NOBODY;
  const password = options.password ?? (address.password === "" ? undefined : decodeURIComponent(address.password));
  return {
    protocolVersion,
    clientId: options.clientId ?? randomClientId(),
    cleanStart,
    keepAlive: options.keepAliveSeconds ?? 60,
    username: options.username ?? (address.username === "" ? undefined : decodeURIComponent(address.username)),
    password: typeof password === "string" ? encodeUtf8(password) : password,
    will: options.will && willOf(options.will),
    properties: protocolVersion === 5 ? connectProperties(options, cleanStart) : undefined,
    queueLimitBytes: options.queueLimitBytes ?? DEFAULT_QUEUE_LIMIT_BYTES,
    connackTimeoutMs: options.connectTimeoutMs,
    pingTimeoutMs: options.pingTimeoutMs,
    usesTopicAliases: options.usesTopicAliases,
    finishAuthentication: authentication?.finish,
    trace: options.trace,
  };
}

const NOBODY = { username: "", password: "" };

function connectProperties(options: ConnectOptions, cleanStart: boolean): Properties {
  const { authentication, properties } = options;
  return {
    sessionExpiryInterval:
      options.sessionExpiryIntervalSeconds ?? (cleanStart ? DEFAULT_SESSION_EXPIRY_SECONDS : NEVER_EXPIRES_SECONDS),
    ...(authentication && { authenticationMethod: authentication.method }),
    ...properties,
  };
}

function willOf({ topic, payload, qos = 0, retain = false, properties }: WillOptions): Will {
  return { topic, payload: payloadBytes(payload), qos, retain, properties };
}

/** Text as UTF-8, bytes as they are. */
export function payloadBytes(payload: string | Uint8Array = ""): Uint8Array {
  return typeof payload === "string" ? encodeUtf8(payload) : payload;
}

/** 22 characters, within the 23 that every server of MQTT 3.1.1 takes. [MQTT-3.1.3-5] */
function randomClientId(): string {
  const random = crypto.getRandomValues(new Uint8Array(7));
  return `isthmus-${toHex(random)}`;
}
