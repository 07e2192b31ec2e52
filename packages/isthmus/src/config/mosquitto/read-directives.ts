import { type ConfDraft, emptyListener, type ListenerDraft } from "./conf-draft.js";
import type { Directive } from "./read-conf.js";
import type { Remark } from "./remark.js";
import { REASON_BY_DIRECTIVE } from "./unsupported.js";

/** Directives of bridges, which are read by the bridge that they stand behind. */
export type BridgeLines = readonly [Directive, ...Directive[]];

/** What a mosquitto.conf says. */
export interface ReadDirectives {
  readonly draft: ConfDraft;
  readonly bridges: readonly BridgeLines[];
  readonly remarks: readonly Remark[];
}

type ListenerReader = (listener: ListenerDraft, value: string) => void;

/** What is about the listener that it stands behind. */
const LISTENER_DIRECTIVES: Readonly<Record<string, ListenerReader>> = {
  protocol: (listener, value) => {
    listener.type = value === "websockets" ? "http" : "mqtt";
  },
  max_connections: (listener, value) => {
    if (Number(value) > 0) listener.maxConnections = Number(value);
  },
  websockets_origin: (listener, value) => {
    listener.allowedOrigins = [...(listener.allowedOrigins ?? []), value];
  },
  certfile: (listener, value) => {
    listener.certFile = value;
  },
  keyfile: (listener, value) => {
    listener.keyFile = value;
  },
  cafile: (listener, value) => {
    listener.caFile = value;
  },
  crlfile: (listener, value) => {
    listener.crlFile = value;
  },
  tls_version: (listener, value) => {
    listener.minVersion = value === "tlsv1.3" ? "1.3" : "1.2";
  },
  ciphers: (listener, value) => void listener.ciphers.push(value),
  "ciphers_tls1.3": (listener, value) => void listener.ciphers.unshift(value),
  require_certificate: (listener, value) => {
    listener.requiresCertificate = value === "true";
  },
  use_identity_as_username: (listener, value) => {
    listener.usesCommonName = value === "true";
  },
};

/** What is about all listeners, or with `per_listener_settings` about the one that it stands behind. */
const ACCESS_DIRECTIVES: Readonly<Record<string, (access: ListenerDraft["access"], value: string) => void>> = {
  allow_anonymous: (access, value) => {
    access.allowAnonymous = value === "true";
  },
  password_file: (access, value) => {
    access.passwordFile = value;
  },
  acl_file: (access, value) => {
    access.aclFile = value;
  },
};

/** No bound in mosquitto is the largest that there is here. */
const NO_BOUND = 1_000_000_000;

const HUB_DIRECTIVES: Readonly<Record<string, (draft: ConfDraft, value: string) => void>> = {
  per_listener_settings: () => undefined,
  persistence: (draft, value) => {
    draft.persistence = value === "true";
  },
  persistence_location: (draft, value) => {
    draft.persistenceLocation = value;
  },
  max_inflight_messages: ({ limits }, value) => {
    limits["max_in_flight"] = Number(value) || 65_535;
  },
  max_queued_messages: ({ limits }, value) => {
    limits["max_queued_messages"] = Number(value) || NO_BOUND;
  },
  max_queued_bytes: ({ limits }, value) => {
    if (Number(value) > 0) limits["max_queued_bytes"] = Number(value);
  },
  max_packet_size: ({ limits }, value) => {
    if (Number(value) > 0) limits["maximum_packet_size"] = Number(value);
  },
  // It bounds the payload; a topic and properties of some size come on top.
  message_size_limit: ({ limits }, value) => {
    if (Number(value) > 0) limits["maximum_packet_size"] ??= Number(value) + 128 * 1024;
  },
  max_keepalive: ({ limits }, value) => {
    limits["max_keep_alive"] = Number(value) || "unlimited";
  },
  persistent_client_expiration: ({ limits }, value) => {
    limits["max_session_expiry"] = seconds(value);
  },
  sys_interval: (draft, value) => {
    draft.sysIntervalMs = Number(value) * 1000;
  },
  log_type: (draft, value) => {
    const level = LEVEL_BY_LOG_TYPE[value];
    if (level !== undefined && LEVELS.indexOf(level) > LEVELS.indexOf(draft.logLevel ?? "")) draft.logLevel = level;
  },
};

/** From the most severe to the least. */
const LEVELS = ["silent", "error", "warn", "info", "debug"];
const LEVEL_BY_LOG_TYPE: Readonly<Record<string, string>> = {
  none: "silent",
  error: "error",
  warning: "warn",
  notice: "info",
  information: "info",
  subscribe: "debug",
  unsubscribe: "debug",
  debug: "debug",
  all: "debug",
};

/** Sorts directives by what they are about. */
export function readDirectives(directives: readonly Directive[]): ReadDirectives {
  const hasOwnSettings = directives.some(({ name, value }) => name === "per_listener_settings" && value === "true");
  const standard = emptyListener(Number(directives.find(({ name }) => name === "port")?.value ?? 1883), undefined);
  const draft: ConfDraft = {
    hasOwnSettings,
    access: {},
    standard,
    isStandardUsed: false,
    listeners: [],
    persistence: false,
    limits: {},
  };
  const remarks: Remark[] = [];
  const bridges: [Directive, ...Directive[]][] = [];
  let listener = standard;
  for (const directive of directives) {
    const { name, value } = directive;
    if (value === "") remarks.push(remarkOn(directive, "it has no value"));
    else if (name === "connection") bridges.push([directive]);
    else if (isOfBridge(name) && bridges.length > 0) bridges.at(-1)?.push(directive);
    else if (name === "listener") listener = addListener(draft, directive, remarks);
    else if (name === "port" || name === "bind_address") {
      draft.isStandardUsed = true;
      if (name === "bind_address") standard.host = value;
    } else if (LISTENER_DIRECTIVES[name] !== undefined) {
      if (listener === standard && name !== "max_connections") draft.isStandardUsed = true;
      LISTENER_DIRECTIVES[name](listener, value);
    } else if (ACCESS_DIRECTIVES[name] !== undefined) {
      ACCESS_DIRECTIVES[name](hasOwnSettings ? listener.access : draft.access, value);
    } else if (HUB_DIRECTIVES[name] !== undefined) HUB_DIRECTIVES[name](draft, value);
    else remarks.push(remarkOn(directive, REASON_BY_DIRECTIVE[name] ?? reasonFor(name)));
  }
  return { draft, bridges, remarks };
}

export function remarkOn({ name, value, place }: Directive, reason: string): Remark {
  return { place, text: `${name} ${value}`.trim(), reason };
}

function reasonFor(name: string): string {
  if (isOfBridge(name)) return "of a bridge, and no connection stands before it";
  if (/^(auth|plugin)_opt_/.test(name)) return "an option of a plugin";
  return "not a directive of mosquitto.conf that is known";
}

function addListener(draft: ConfDraft, directive: Directive, remarks: Remark[]): ListenerDraft {
  const [port = "", host] = directive.value.split(/\s+/);
  const listener = emptyListener(Number(port), host);
  if (/^\d+$/.test(port) && Number(port) > 0) draft.listeners.push(listener);
  else remarks.push(remarkOn(directive, "Unix domain sockets are not listened on"));
  return listener;
}

const BRIDGE_DIRECTIVES = new Set([
  "address",
  "addresses",
  "topic",
  "cleansession",
  "clientid",
  "idle_timeout",
  "keepalive_interval",
  "local_cleansession",
  "local_clientid",
  "local_password",
  "local_username",
  "notifications",
  "notifications_local_only",
  "notification_topic",
  "password",
  "remote_clientid",
  "remote_password",
  "remote_username",
  "restart_timeout",
  "round_robin",
  "start_type",
  "threshold",
  "try_private",
  "username",
]);

function isOfBridge(name: string): boolean {
  return name.startsWith("bridge_") || BRIDGE_DIRECTIVES.has(name);
}

const SECONDS_BY_UNIT: Readonly<Record<string, number>> = {
  h: 3600,
  d: 86_400,
  w: 604_800,
  m: 2_592_000,
  y: 31_536_000,
};

/** `14d`, `2m`: m stands for months. */
function seconds(text: string): number {
  return Math.min(Number.parseInt(text, 10) * (SECONDS_BY_UNIT[text.at(-1) ?? ""] ?? 1), 0xffff_ffff);
}
