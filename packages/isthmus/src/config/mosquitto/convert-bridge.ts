import type { Directive } from "./read-conf.js";
import { remarkOn } from "./read-directives.js";
import type { Remark } from "./remark.js";

/** What the lines behind a `connection` become. */
export interface ConvertedBridge {
  readonly bridge: Readonly<Record<string, unknown>>;
  readonly remarks: readonly Remark[];
}

/** A bridge as it is being read. */
interface BridgeDraft {
  readonly settings: Record<string, unknown>;
  readonly topics: Record<string, unknown>[];
  readonly tls: Record<string, unknown>;
  address: string;
}

type Reader = (draft: BridgeDraft, value: string) => void;

const set =
  (key: string): Reader =>
  ({ settings }, value) => {
    settings[key] = value;
  };

const setFile =
  (key: string): Reader =>
  ({ tls }, value) => {
    tls[key] = `\${file:${value}}`;
  };

const READERS: Readonly<Record<string, Reader>> = {
  address: (draft, value) => {
    draft.address = value.split(/\s+/)[0] ?? "";
  },
  topic: ({ topics }, value) => void topics.push(convertTopic(value)),
  username: set("username"),
  remote_username: set("username"),
  password: set("password"),
  remote_password: set("password"),
  clientid: set("client_id"),
  remote_clientid: set("client_id"),
  keepalive_interval: ({ settings }, value) => {
    settings["keep_alive_seconds"] = Number(value);
  },
  bridge_protocol_version: ({ settings }, value) => {
    settings["protocol_version"] = value === "mqttv50" ? 5 : 4;
  },
  restart_timeout: ({ settings }, value) => {
    const [base = "", cap] = value.split(/\s+/);
    settings["min_reconnect_ms"] = Number(base) * 1000;
    settings["max_reconnect_ms"] = Number(cap ?? base) * 1000;
  },
  bridge_cafile: setFile("ca"),
  bridge_certfile: setFile("cert"),
  bridge_keyfile: setFile("key"),
  bridge_insecure: ({ tls }, value) => {
    if (value === "true") tls["reject_unauthorized"] = false;
  },
};

/** Directives of a bridge without a counterpart, and why. */
const REASONS: Readonly<Record<string, string>> = {
  cleansession: "both sides keep a session for the bridge",
  local_cleansession: "both sides keep a session for the bridge",
  start_type: "a bridge runs as long as the hub does",
  idle_timeout: "a bridge runs as long as the hub does",
  threshold: "a bridge runs as long as the hub does",
  round_robin: "a bridge has one address",
  try_private: "a broker that knows bridges is told in its own way",
  bridge_capath: "name one file with all authorities: tls.ca",
  bridge_psk: "TLS with pre-shared keys is not spoken: use certificates",
  bridge_identity: "TLS with pre-shared keys is not spoken: use certificates",
};

/** mosquitto's bridges speak MQTT 3.1.1 unless they are told otherwise. */
const MOSQUITTO_DEFAULTS = { protocol_version: 4 };

/** Converts the lines of one bridge, the first of which is its `connection`. */
export function convertBridge([connection, ...lines]: readonly [Directive, ...Directive[]]): ConvertedBridge {
  const draft: BridgeDraft = { settings: {}, topics: [], tls: {}, address: "" };
  const remarks: Remark[] = [];
  for (const line of lines) {
    const reader = READERS[line.name];
    if (reader === undefined) remarks.push(remarkOn(line, REASONS[line.name] ?? "no setting of a bridge"));
    else reader(draft, line.value);
    if (line.name === "address" && /\s/.test(line.value))
      remarks.push(remarkOn(line, "a bridge has one address: the first"));
  }
  const hasTls = Object.keys(draft.tls).length > 0;
  const bridge = {
    name: connection.value.replaceAll(/[^\w.-]/g, "-"),
    url: urlOf(draft.address, hasTls),
    topics: draft.topics,
    ...MOSQUITTO_DEFAULTS,
    ...draft.settings,
    ...(hasTls ? { tls: draft.tls } : {}),
  };
  return { bridge, remarks };
}

/** `topic PATTERN [DIRECTION [QOS [LOCAL-PREFIX [REMOTE-PREFIX]]]]`, where `""` is nothing. */
function convertTopic(value: string): Record<string, unknown> {
  const [filter = "#", direction = "out", qos = "0", local, remote] = value.split(/\s+/);
  return {
    filter: filter === '""' ? "#" : filter,
    direction,
    qos: Number(qos),
    ...(isGiven(local) ? { local_prefix: local } : {}),
    ...(isGiven(remote) ? { remote_prefix: remote } : {}),
  };
}

function isGiven(prefix: string | undefined): boolean {
  return prefix !== undefined && prefix !== '""';
}

function urlOf(address: string, hasTls: boolean): string {
  const hasPort = /:\d+$/.test(address);
  return `${hasTls ? "mqtts" : "mqtt"}://${address}${hasPort ? "" : ":1883"}`;
}
