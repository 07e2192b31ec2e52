import type { TargetRule } from "@isthmus/coap";

/** A server, or several, that may be reached through the hub. */
export interface ProxyTargetRule extends TargetRule {
  /**
   * Whether names may lead to private addresses as well: of this machine, of its networks. Default false; an address or a
   * range is meant as it stands.
   */
  readonly allowPrivate?: boolean;
}

/**
 * What can be reached through the hub. There is no open proxy: what no rule names is refused.
 *
 * @example
 * { toCoap: [{ host: "192.168.7.0/24" }], toHttp: [{ scheme: "https", host: "api.example.com" }] }
 */
export interface ProxyOptions {
  /** Servers of CoAP, for HTTP clients at `/hc/` and for CoAP clients by Proxy-Uri. Scheme `coap` or `coap+tcp`. Default none. */
  readonly toCoap?: readonly ProxyTargetRule[];
  /** Servers of HTTP, for CoAP clients by Proxy-Uri. Scheme `http` or `https`. Default none. */
  readonly toHttp?: readonly ProxyTargetRule[];
  /** Bytes of a body, each way. Default 8 MiB. */
  readonly maxBodyBytes?: number;
  /** Milliseconds for a server of HTTP to answer. Default 30,000. */
  readonly timeoutMs?: number;
  /** Requests under way at a time. Default 1,024. */
  readonly maxExchanges?: number;
}

export const PROXY_DEFAULTS = {
  toCoap: [],
  toHttp: [],
  maxBodyBytes: 8 * 1024 * 1024,
  timeoutMs: 30_000,
  maxExchanges: 1024,
} as const satisfies Required<ProxyOptions>;
