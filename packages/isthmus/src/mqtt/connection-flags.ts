import { readdirSync, readFileSync } from "node:fs";
import { connect as connectSocket, type Socket } from "node:net";
import { once } from "node:events";
import type { ConnectionOptions, SecureVersion } from "node:tls";
import type {
  ConnectOptions,
  NodeTransportOptions,
  Properties,
  ProtocolVersion,
  QoS,
  Transport,
  WillOptions,
} from "@isthmus/mqtt";
import { NodeStreamTransport } from "@isthmus/mqtt/transport-node";
import { UsageError } from "../command.js";
import { type Flag, type FlagTable, type FlagValues, integer, text, toggle, value } from "../flags.js";
import { propertyFlag } from "./property-flag.js";

/** How to call mosquitto's flags for what is not here. */
const unsupported = (names: string, instead: string): Flag<undefined> => ({
  names: names.split(" "),
  placeholder: undefined,
  help: `not supported: ${instead}`,
  initial: undefined,
  read: (_, __, name) => {
    throw new UsageError(`${name} is not supported`, instead);
  },
});

/** Where to connect to, and as whom: the same for `pub`, `sub` and `rr`. */
export const CONNECTION_FLAGS = {
  host: text("-h --host", "HOST", "the server (localhost)"),
  port: integer("-p --port", "PORT", "its port (1883; 8883 with TLS; 8080 with --ws)", [0, 65_535]),
  url: text(
    "-L --url",
    "URL",
    "all at once: mqtt(s)://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC, or ws(s)://HOST[:PORT]/PATH",
  ),
  unix: text("--unix", "PATH", "connect to a Unix domain socket"),
  isWebSocket: toggle("--ws", "connect to ws://HOST:PORT/mqtt (wss:// with TLS)"),
  bindAddress: text("-A", "ADDRESS", "the local address to connect from"),
  username: text("-u --username", "NAME", "the user name"),
  password: text("-P --pw", "PASSWORD", "the password"),
  clientId: text("-i --id", "ID", "the client identifier (the server or this program chooses one)"),
  clientIdPrefix: text("-I --id-prefix", "PREFIX", "a client identifier of PREFIX and the process id"),
  isPersistent: toggle(
    "-c --disable-clean-session",
    "resume the session of this client identifier, and leave it on the server",
  ),
  sessionExpiryInterval: value(
    "-x --session-expiry-interval",
    "SECONDS",
    "how long the server keeps the session (MQTT 5.0; -1: for ever, the default with -c; else 0)",
    parseSessionExpiry,
  ),
  keepAlive: integer("-k --keepalive", "SECONDS", "keep alive (60)", [5, 65_535]),
  protocolVersion: value(
    "-V --protocol-version",
    "VERSION",
    "5, 311 or 31; or mqttv5, mqttv311, mqttv31",
    parseVersion,
  ),
  properties: propertyFlag,
  isDebug: toggle("-d --debug", "print each packet"),
  isQuiet: toggle("--quiet", "print no errors but those of these flags"),
  isNoDelay: toggle("--nodelay", "send at once; this is always so"),
} as const satisfies FlagTable;

/** What the server publishes if the program breaks off. */
export const WILL_FLAGS = {
  willTopic: text("--will-topic", "TOPIC", "the topic of the will"),
  willPayload: text("--will-payload", "TEXT", "its payload (empty)"),
  willQos: integer("--will-qos", "QOS", "its QoS (0)", [0, 2]),
  willRetain: toggle("--will-retain", "keep it as the topic's last message"),
} as const satisfies FlagTable;

/** How to encrypt. Any of them turns TLS on. */
export const TLS_FLAGS = {
  caFile: text("--cafile", "FILE", "certificates to trust, PEM"),
  caDirectory: text("--capath", "DIRECTORY", "a directory of certificates to trust"),
  usesSystemCertificates: toggle("--tls-use-os-certs", "trust what this system trusts"),
  certFile: text("--cert", "FILE", "this client's certificate, PEM"),
  keyFile: text("--key", "FILE", "its private key, PEM"),
  isInsecure: toggle("--insecure", "do not check that the certificate bears the server's name"),
  alpn: text("--tls-alpn", "PROTOCOL", "the protocol to ask for (ALPN)"),
  tlsVersion: value("--tls-version", "VERSION", "tlsv1.3, tlsv1.2 or tlsv1.1", parseTlsVersion),
  ciphers: text("--ciphers", "LIST", "the ciphers to allow, as OpenSSL lists them"),
} as const satisfies FlagTable;

/** Flags of mosquitto's programs that these do not know, with what to do instead. */
export const UNSUPPORTED_FLAGS = {
  psk: unsupported("--psk --psk-identity", "use --cafile and a user name instead of a pre-shared key"),
  engine: unsupported("--tls-engine --keyform --tls-engine-kpass-sha1", "use --key with a PEM file"),
  proxy: unsupported("--proxy", "connect through a tunnel, such as ssh -L, with -h localhost"),
  srv: unsupported("-S", "look the host up first: dig +short srv _mqtt._tcp.HOST"),
} as const satisfies FlagTable;

/** All of them, as every client command has them. */
export const CLIENT_FLAGS = {
  ...CONNECTION_FLAGS,
  ...WILL_FLAGS,
  ...TLS_FLAGS,
  ...UNSUPPORTED_FLAGS,
} as const satisfies FlagTable;

/** The last groups of the help of every client command. */
export const CLIENT_FLAG_GROUPS = [
  { title: "Connection", flags: CONNECTION_FLAGS },
  { title: "Will", flags: WILL_FLAGS },
  { title: "TLS", flags: TLS_FLAGS },
];

type ConnectionValues = FlagValues<typeof CONNECTION_FLAGS & typeof WILL_FLAGS & typeof TLS_FLAGS>;

/** What `connect` needs. */
export interface ConnectionPlan {
  readonly url: URL;
  readonly options: ConnectOptions & NodeTransportOptions;
  readonly protocolVersion: ProtocolVersion;
  /** The topic that -L names. */
  readonly topic: string | undefined;
  readonly isDebug: boolean;
  readonly isQuiet: boolean;
  /** Properties of DISCONNECT. */
  readonly disconnectProperties: Properties | undefined;
}

/** What the flags say about the connection. @throws UsageError when they do not go together. */
export function planConnection(values: ConnectionValues, defaultVersion: ProtocolVersion): ConnectionPlan {
  const hasProperties = Object.keys(values.properties).length > 0;
  const protocolVersion = values.protocolVersion ?? (hasProperties ? 5 : defaultVersion);
  const { url, topic } = planUrl(values);
  const { bindAddress, unix, properties } = values;
  const clientId = planClientId(values, protocolVersion);
  const options: ConnectOptions & NodeTransportOptions = {
    protocolVersion,
    cleanStart: !values.isPersistent,
    sessionExpiryIntervalSeconds: planSessionExpiry(values, protocolVersion, clientId),
    keepAliveSeconds: values.keepAlive ?? 60,
    username: values.username,
    password: values.password,
    will: planWill(values),
    properties: properties.connect,
    tls: planTls(values),
    localAddress: bindAddress,
    // What is typed here is meant as typed.
    usesTopicAliases: false,
    usesSubscriptionIdentifiers: false,
    ...(clientId !== undefined && { clientId }),
    ...(unix !== undefined && { transport: () => openUnixSocket(unix) }),
  };
  if (protocolVersion !== 5 && values.password !== undefined && values.username === undefined && url.username === "") {
    throw new UsageError("-P needs -u before MQTT 5.0", "give a user name, or -V 5");
  }
  const { isDebug, isQuiet } = values;
  return { url, options, protocolVersion, topic, isDebug, isQuiet, disconnectProperties: properties.disconnect };
}

function planUrl(values: ConnectionValues): { url: URL; topic: string | undefined } {
  if (values.url !== undefined) return splitUrl(values.url);
  const isTls = usesTls(values);
  const scheme = values.isWebSocket ? (isTls ? "wss" : "ws") : isTls ? "mqtts" : "mqtt";
  const host = values.host ?? "localhost";
  const port = values.port ?? (values.isWebSocket ? 8080 : isTls ? 8883 : 1883);
  const path = values.isWebSocket ? "/mqtt" : "";
  try {
    return { url: new URL(`${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}${path}`), topic: undefined };
  } catch {
    throw new UsageError(`-h ${host} is not a host`, "a name or an address, without scheme or port");
  }
}

function splitUrl(given: string): { url: URL; topic: string | undefined } {
  const hint = "mqtt://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC, or with mqtts://, ws://, wss://";
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw new UsageError(`-L ${given} is not a URL`, hint);
  }
  // The path of a WebSocket is the server's.
  if (url.protocol === "ws:" || url.protocol === "wss:") return { url, topic: undefined };
  if (url.protocol !== "mqtt:" && url.protocol !== "mqtts:") throw new UsageError(`-L ${given}: unknown scheme`, hint);
  // Wildcards of a topic filter look like a query or a fragment.
  const topic = decodeURIComponent(`${url.pathname}${url.search}${url.hash}`.slice(1));
  return { url, topic: topic === "" ? undefined : topic };
}

function usesTls(values: ConnectionValues): boolean {
  return (
    values.port === 8883 || Object.entries(TLS_FLAGS).some(([key, { initial }]) => Reflect.get(values, key) !== initial)
  );
}

function planClientId(
  { clientId, clientIdPrefix, isPersistent }: ConnectionValues,
  version: ProtocolVersion,
): string | undefined {
  if (clientId !== undefined && clientIdPrefix !== undefined) {
    throw new UsageError("-i and -I do not go together", "-i ID, or -I PREFIX");
  }
  if (clientIdPrefix !== undefined) return `${clientIdPrefix}${process.pid}`;
  if (clientId === undefined && isPersistent) {
    throw new UsageError("-c needs a client identifier: the session is kept under it", "add -i ID");
  }
  // From MQTT 3.1.1 on the server chooses.
  return clientId ?? (version === 3 ? undefined : "");
}

function planSessionExpiry(
  { sessionExpiryInterval, isPersistent, clientIdPrefix }: ConnectionValues,
  version: ProtocolVersion,
  clientId: string | undefined,
): number | undefined {
  if (version !== 5) return undefined;
  const seconds = sessionExpiryInterval ?? (isPersistent ? NEVER_EXPIRES : 0);
  if (seconds === NEVER_EXPIRES && clientId === "" && clientIdPrefix === undefined) {
    throw new UsageError("a session that never expires needs a client identifier", "add -i ID");
  }
  return seconds;
}

function planWill(values: ConnectionValues): WillOptions | undefined {
  const { willTopic, willPayload, willQos, willRetain, properties } = values;
  if (willTopic === undefined) {
    if (willPayload === undefined && willQos === undefined && !willRetain && !properties.will) return undefined;
    throw new UsageError("a will needs a topic", "add --will-topic TOPIC");
  }
  // The flag takes 0 to 2 only.
  return {
    topic: willTopic,
    payload: willPayload,
    qos: willQos as QoS | undefined,
    retain: willRetain,
    properties: properties.will,
  };
}

function planTls(values: ConnectionValues): ConnectionOptions {
  const { caFile, caDirectory, certFile, keyFile, isInsecure, alpn, tlsVersion, ciphers } = values;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError("--cert and --key go together", "give both files");
  }
  const authorities = [
    ...(caFile === undefined ? [] : [readInput("--cafile", caFile)]),
    ...(caDirectory === undefined ? [] : readDirectory(caDirectory)),
  ];
  return {
    ...(authorities.length > 0 && { ca: authorities }),
    ...(certFile !== undefined && { cert: readInput("--cert", certFile) }),
    ...(keyFile !== undefined && { key: readInput("--key", keyFile) }),
    ...(isInsecure && { checkServerIdentity: () => undefined }),
    ...(alpn !== undefined && { ALPNProtocols: [alpn] }),
    ...(tlsVersion !== undefined && { minVersion: tlsVersion, maxVersion: tlsVersion }),
    ...(ciphers !== undefined && { ciphers }),
  };
}

function readDirectory(directory: string): Buffer[] {
  try {
    return readdirSync(directory).map((name) => readFileSync(`${directory}/${name}`));
  } catch (error) {
    throw new UsageError(`--capath ${directory}: ${reasonOf(error)}`);
  }
}

/** @throws UsageError when the file that `flag` names cannot be read. */
export function readInput(flag: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`${flag} ${file}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function openUnixSocket(path: string): Promise<Transport> {
  const socket: Socket = connectSocket(path);
  await once(socket, "connect");
  return new NodeStreamTransport(socket);
}

const NEVER_EXPIRES = 0xffff_ffff;

function parseSessionExpiry(given: string, name: string): number {
  if (given === "-1" || given === "∞") return NEVER_EXPIRES;
  if (/^\d+$/.test(given) && Number(given) <= NEVER_EXPIRES) return Number(given);
  throw new UsageError(
    `${name} ${given}: not a number of seconds`,
    "0 to 4294967294, or -1 for a session that never expires",
  );
}

function parseVersion(given: string, name: string): ProtocolVersion {
  switch (given) {
    case "5":
    case "mqttv5":
      return 5;
    case "311":
    case "mqttv311":
      return 4;
    case "31":
    case "mqttv31":
      return 3;
    default:
      throw new UsageError(`${name} ${given}: no such version`, "5, 311 or 31");
  }
}

function parseTlsVersion(given: string, name: string): SecureVersion {
  const version = (["TLSv1.3", "TLSv1.2", "TLSv1.1"] as const).find((known) => known.toLowerCase() === given);
  if (version !== undefined) return version;
  throw new UsageError(`${name} ${given}: no such version`, "tlsv1.3, tlsv1.2 or tlsv1.1");
}
