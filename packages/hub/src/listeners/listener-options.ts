import type { AccessOptions } from "../access/access-options.js";
import type { ReadLimits } from "../doors/mqtt/read-pacer.js";
import type { ConnectionLimits } from "./connection-gate.js";
import type { ProxyProtocolOptions } from "./proxy-protocol.js";
import type { TlsOptions } from "./tls-options.js";

/** Bounds of one listener, beside those of the hub. */
export type ListenerLimits = ConnectionLimits & ReadLimits;

/** Where clients come in, and on what terms. */
export interface ListenOptions {
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string | undefined;
  /** 0 picks a free one. */
  readonly port: number;
  /** Its name in logs. Default: `mqtt`, `mqtts`, `http`, `https` or `coaps`, and a number from the second of a kind on. */
  readonly name?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  /** For a listener behind a proxy that tells who its clients are. Default: clients come by themselves. */
  readonly proxyProtocol?: ProxyProtocolOptions | undefined;
  readonly limits?: ListenerLimits | undefined;
  /** Settings that replace those of the hub, each by itself, for the clients of this listener. */
  readonly access?: AccessOptions | undefined;
}

export interface HttpListenOptions extends ListenOptions {
  /** Origins of web pages that may connect, beside pages of this host and of this machine; `*` stands for any. */
  readonly allowedOrigins?: readonly string[] | undefined;
}

/** One of any number of listeners. */
export type ListenerOptions =
  | ({ readonly type: "mqtt" } & ListenOptions)
  /** CoAP over TLS (RFC 8323); over UDP and TCP it is `coap` of the hub. */
  | ({ readonly type: "coaps"; readonly tls: TlsOptions } & ListenOptions)
  | ({ readonly type: "http" } & HttpListenOptions);
