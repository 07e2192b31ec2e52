/** What is known of a listener's users and rules, in mosquitto's terms. */
export interface AccessDraft {
  allowAnonymous?: boolean;
  passwordFile?: string;
  aclFile?: string;
}

/** A listener as it is being read. */
export interface ListenerDraft {
  readonly port: number;
  /** Undefined: every address. */
  host: string | undefined;
  type: "mqtt" | "http";
  maxConnections?: number;
  allowedOrigins?: string[];
  certFile?: string;
  keyFile?: string;
  caFile?: string;
  crlFile?: string;
  minVersion?: "1.2" | "1.3";
  ciphers: string[];
  requiresCertificate: boolean;
  usesCommonName: boolean;
  readonly access: AccessDraft;
}

/** A mosquitto.conf as it is being read. */
export interface ConfDraft {
  readonly hasOwnSettings: boolean;
  readonly access: AccessDraft;
  /** What stands before any `listener` is about the default one. */
  readonly standard: ListenerDraft;
  isStandardUsed: boolean;
  readonly listeners: ListenerDraft[];
  persistence: boolean;
  persistenceLocation?: string;
  readonly limits: Record<string, number | string>;
  logLevel?: string;
  sysIntervalMs?: number;
}

export function emptyListener(port: number, host: string | undefined): ListenerDraft {
  return { port, host, type: "mqtt", ciphers: [], requiresCertificate: false, usesCommonName: false, access: {} };
}
