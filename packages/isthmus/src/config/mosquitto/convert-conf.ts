import type { AccessRule } from "@isthmus/hub";
import { type AccessDraft, type ConfDraft, emptyListener, type ListenerDraft } from "./conf-draft.js";
import { convertBridge } from "./convert-bridge.js";
import { convertAcl } from "./convert-acl.js";
import { type Directive, readText } from "./read-conf.js";
import { readDirectives } from "./read-directives.js";
import type { Remark } from "./remark.js";

/** What a mosquitto.conf becomes. */
export interface ConvertedConf {
  /** In the words of the configuration file. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly remarks: readonly Remark[];
}

/** mosquitto's own defaults, where they are not ours. */
const MOSQUITTO_LIMITS = { max_in_flight: 20, max_queued_messages: 1000 };
const DATA_DIRECTORY = "/var/lib/isthmus";

/**
 * Converts the directives of a mosquitto.conf: the same listeners, users, rules and bounds.
 *
 * @throws UsageError when an acl_file cannot be read
 */
export function convertConf(directives: readonly Directive[]): ConvertedConf {
  const { draft, bridges, remarks: unknown } = readDirectives(directives);
  const converted = bridges.map(convertBridge);
  const remarks = [...unknown, ...converted.flatMap((each) => each.remarks)];
  const listeners = listenersOf(draft);
  const isLocal = draft.listeners.length === 0 && !draft.isStandardUsed;
  const config = {
    data: draft.persistence ? DATA_DIRECTORY : "memory",
    listeners: listeners.map((listener) => convertListener(listener, draft, remarks)),
    access: draft.hasOwnSettings ? undefined : orNothing(convertAccess(draft.access, isLocal, false, remarks)),
    bridges: converted.length === 0 ? undefined : converted.map(({ bridge }) => bridge),
    limits: { ...MOSQUITTO_LIMITS, ...draft.limits },
    sys: draft.sysIntervalMs === undefined ? undefined : { interval_ms: draft.sysIntervalMs },
    log: draft.logLevel === undefined ? undefined : { level: draft.logLevel },
  };
  if (draft.persistence) remarks.push(remarkOnData(draft));
  return { config: withoutUndefined(config), remarks };
}

/** Without any `listener` there is the default one: on this machine alone, unless it is told a port. */
function listenersOf({ listeners, standard, isStandardUsed }: ConfDraft): readonly ListenerDraft[] {
  if (listeners.length === 0 && !isStandardUsed) return [emptyListener(standard.port, "127.0.0.1")];
  return isStandardUsed ? [standard, ...listeners] : listeners;
}

function convertListener(listener: ListenerDraft, draft: ConfDraft, remarks: Remark[]): Record<string, unknown> {
  const { type, port, host = "::", allowedOrigins, maxConnections } = listener;
  // Settings of its own, or none but who its certificates say that clients are.
  const access = draft.hasOwnSettings
    ? convertAccess(listener.access, false, listener.usesCommonName, remarks)
    : listener.usesCommonName
      ? { sources: sourcesOf(draft.access, true) }
      : undefined;
  if (type === "http") {
    const reason = `MQTT over WebSocket is at the path /mqtt: clients connect to ws://HOST:${port}/mqtt`;
    remarks.push({ place: `listener ${port}`, text: "protocol websockets", reason });
  }
  return withoutUndefined({
    type,
    host,
    port,
    allowed_origins: type === "http" ? allowedOrigins : undefined,
    tls: convertTls(listener),
    limits: maxConnections === undefined ? undefined : { max_connections: maxConnections },
    access,
  });
}

function convertTls(listener: ListenerDraft): Record<string, unknown> | undefined {
  const { certFile, keyFile, caFile, crlFile, minVersion, ciphers, requiresCertificate, usesCommonName } = listener;
  if (certFile === undefined || keyFile === undefined) return undefined;
  const asksForCertificate = requiresCertificate || usesCommonName;
  return withoutUndefined({
    cert_file: certFile,
    key_file: keyFile,
    ca_file: asksForCertificate ? caFile : undefined,
    client_certificate: asksForCertificate ? (requiresCertificate ? "required" : "optional") : undefined,
    crl_file: crlFile,
    min_version: minVersion,
    ciphers: ciphers.length === 0 ? undefined : ciphers.join(":"),
  });
}

function convertAccess(
  access: AccessDraft,
  isLocal: boolean,
  usesCommonName: boolean,
  remarks: Remark[],
): Record<string, unknown> {
  const sources = sourcesOf(access, usesCommonName);
  return withoutUndefined({
    // As of mosquitto 2: nobody without a name, but on this machine.
    allow_anonymous: access.allowAnonymous ?? (isLocal ? undefined : false),
    sources: sources.length === 0 ? undefined : sources,
    rules: access.aclFile === undefined ? undefined : rulesOf(access.aclFile, remarks),
  });
}

function sourcesOf({ passwordFile }: AccessDraft, usesCommonName: boolean): readonly Record<string, string>[] {
  const sources: Record<string, string>[] = [];
  if (usesCommonName) sources.push({ type: "certificate" });
  if (passwordFile !== undefined) sources.push({ type: "passwords", file: passwordFile });
  return sources;
}

function rulesOf(file: string, remarks: Remark[]): readonly AccessRule[] {
  const { rules, remarks: onLines } = convertAcl(readText(file), file);
  remarks.push(...onLines);
  return rules;
}

function remarkOnData({ persistenceLocation = "" }: ConfDraft): Remark {
  return {
    place: "persistence",
    text: `persistence_location ${persistenceLocation}`.trim(),
    reason: `what mosquitto.db holds is not taken over: isthmus starts with an empty ${DATA_DIRECTORY}`,
  };
}

function orNothing(record: Record<string, unknown>): Record<string, unknown> | undefined {
  return Object.keys(record).length === 0 ? undefined : record;
}

function withoutUndefined(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
