import { isMulticastAddress } from "../codec/ip-address.js";
import { coapSchemes, type CoapUri, formatCoapUri, parseCoapUri } from "../codec/uri.js";
import { CoapUriError } from "../codec/errors.js";
import { isInRange, type IpRange, parseIpRange } from "./ip-range.js";

/** What a proxy is asked to fetch: a URI of CoAP or of HTTP. */
export interface ProxyTarget {
  /** The whole URI, without a fragment. */
  readonly uri: string;
  /** In lower case, without the colon. */
  readonly scheme: string;
  /** A name in lower case, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** The path as it stands in the URI, "/" when there is none. */
  readonly path: string;
  /** Taken apart, when the scheme is one of CoAP. */
  readonly coap: CoapUri | undefined;
}

/** @throws CoapUriError when it is not an absolute URI of CoAP or HTTP. */
export function parseProxyTarget(text: string): ProxyTarget {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase() ?? "";
  if (Object.hasOwn(coapSchemes, scheme)) return coapTarget(parseCoapUri(text));
  if (scheme !== "http" && scheme !== "https") throw new CoapUriError(`"${text}" is no URI of CoAP or HTTP`);
  if (!URL.canParse(text)) throw new CoapUriError(`"${text}" is not a URI`);
  const { hostname, port, pathname, username, password, search, origin } = new URL(text);
  if (username !== "" || password !== "") throw new CoapUriError(`"${text}" has user information`);
  return {
    uri: origin + pathname + search,
    scheme,
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? (scheme === "https" ? 443 : 80) : Number(port),
    path: pathname,
    coap: undefined,
  };
}

/** The target that a CoAP URI is. */
export function coapTarget(coap: CoapUri): ProxyTarget {
  const uri = formatCoapUri(coap);
  const path = formatCoapUri({ ...coap, query: [] }).replace(/^[^:]+:\/\/[^/]*/, "");
  return { uri, scheme: coap.scheme, host: coap.host, port: coap.port, path, coap };
}

/** What a proxy may fetch; what is left out may be anything. */
export interface TargetRule {
  /** As `coap` or `https`. Default: coap alone, so that HTTP is opened by name. */
  readonly scheme?: string;
  /** A name, `*.example.com` for all names below it, an address, a range as `fd00::/8`, or `*` for any. */
  readonly host: string;
  readonly port?: number;
  /** What the path is, or begins with up to a slash, as `/sensors`. */
  readonly path?: string;
}

/** Whether a target may be fetched. */
export type TargetPolicy = (target: ProxyTarget) => boolean;

/** RFC 8075 10.1: groups of nodes are not for those who ask a proxy. */
const denyMulticast: TargetPolicy = ({ host }) => !isMulticastAddress(host);

/**
 * The policy that lets pass what one of the rules does. Multicast groups never pass.
 *
 * A rule with a name trusts whoever says to which address the name leads; a range only takes addresses.
 *
 * @throws TypeError for a host that looks like a range and is none.
 */
export function allowTargets(rules: readonly TargetRule[]): TargetPolicy {
  const policies = rules.map(compileRule);
  return (target) => denyMulticast(target) && policies.some((policy) => policy(target));
}

function compileRule({ scheme = "coap", host, port, path }: TargetRule): TargetPolicy {
  const matchesHost = compileHost(host.toLowerCase());
  return (target) =>
    target.scheme === scheme.toLowerCase() &&
    matchesHost(target.host) &&
    (port === undefined || target.port === port) &&
    (path === undefined || target.path === path || target.path.startsWith(path.endsWith("/") ? path : `${path}/`));
}

function compileHost(pattern: string): (host: string) => boolean {
  if (pattern === "*") return () => true;
  if (pattern.startsWith("*.")) return (host) => host.endsWith(pattern.slice(1));
  if (!pattern.includes("/")) return (host) => host === pattern;
  const range: IpRange = parseIpRange(pattern);
  return (host) => isInRange(host, range);
}
