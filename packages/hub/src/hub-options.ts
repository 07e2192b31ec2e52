import type { ExchangeOptions, Store } from "@isthmus/exchange";
import type { Logger } from "pino";
import type { AccessOptions } from "./access/access-options.js";
import type { BridgeOptions } from "./bridge/bridge-options.js";
import type { AdminOptions } from "./admin/admin-mount.js";
import type { PanOptions } from "./pan/pan-options.js";
import type { ProxyOptions } from "./proxy/proxy-options.js";
import type { MirrorOptions } from "./mirror/mirror-options.js";
import type { HistoryOptions } from "./history/history-options.js";
import type { CoapListenOptions } from "./doors/coap/coap-options.js";
import type { MqttAnnouncements } from "./doors/mqtt/announcements.js";
import type { HttpDoorOptions } from "./doors/http/http-options.js";
import type { MqttDoorOptions } from "./doors/mqtt/mqtt-options.js";
import type { HookOptions, Hooks } from "./hooks/hooks.js";
import type { HttpListenOptions, ListenerOptions, ListenOptions } from "./listeners/listener-options.js";
import type { SmqttOptions } from "./smqtt/smqtt-options.js";
import type { MetricsOptions } from "./prometheus/metrics-mount.js";
import type { SysOptions } from "./sys/sys-topics.js";

/** Every limit has a default: docs/limits.md tells what happens beyond. */
export type Limits = Partial<MqttDoorOptions> &
  Pick<ExchangeOptions, "maxRetainedMessages" | "maxRetainedBytes" | "retainedFullPolicy" | "topicCacheSize">;

/** What {@link createHub} takes. A door without options stays closed; a hub without doors serves its own process. */
export interface HubOptions {
  /** MQTT over TCP. */
  readonly mqtt?: ListenOptions | undefined;
  /** CoAP over UDP and TCP; also over WebSocket at `/.well-known/coap` of HTTP. False as undefined: closed. */
  readonly coap?: CoapListenOptions | false | undefined;
  /** HTTP: topics at `/topics`, MQTT over WebSocket at `/mqtt`. */
  readonly http?: HttpListenOptions | undefined;
  /** Any number of further listeners, with TLS and access settings of their own. */
  readonly listeners?: readonly ListenerOptions[] | undefined;
  /** Users and rules, see {@link AccessOptions}. */
  readonly access?: AccessOptions | undefined;
  /** Short for the same in `access`. */
  readonly allowAnonymous?: boolean | undefined;
  /** Limits of connections, sessions and retained messages, see {@link Limits}. */
  readonly limits?: Limits | undefined;
  /** What clients of MQTT 5.0 are told besides: where to have responses, where else to go. */
  readonly announcements?: MqttAnnouncements | undefined;
  /** Limits of `/topics`, see {@link HttpDoorOptions}. */
  readonly httpLimits?: Partial<HttpDoorOptions> | undefined;
  /** What outlives the hub: sessions and retained messages, see `openStore`. Without one they end with it. */
  readonly store?: Store | undefined;
  /**
   * How devices that register with the CoAP door become topics. Default: `/PATH` of each is `devices/ENDPOINT/PATH`.
   * False: the hub is no resource directory.
   */
  readonly mirror?: MirrorOptions | false | undefined;
  /** A network of constrained nodes that the hub is the border router of. Default: none. */
  readonly pan?: PanOptions | undefined;
  /** What can be reached through the hub, from HTTP to CoAP and back. Default: nothing, there is no open proxy. */
  readonly proxy?: ProxyOptions | undefined;
  /** Which messages are kept to be read later, see {@link HistoryOptions}. Default: none. */
  readonly history?: HistoryOptions | undefined;
  /** Status topics below `$SYS/broker/`, see {@link SysOptions}. */
  readonly sys?: SysOptions | undefined;
  /** Who may scrape `/metrics`, see {@link MetricsOptions}. */
  readonly metrics?: MetricsOptions | undefined;
  /** The web page at `/` of the HTTP doors; false: plain text only. Default true. */
  readonly dashboard?: boolean | undefined;
  /** The management API below `/api` of the HTTP doors; false: none. See {@link AdminOptions}. */
  readonly admin?: AdminOptions | false | undefined;
  /** Bridges to other brokers, see {@link BridgeOptions}. */
  readonly bridges?: readonly BridgeOptions[] | undefined;
  /** Functions that the hub asks and tells, see {@link Hooks}. */
  readonly hooks?: (Hooks & HookOptions) | undefined;
  /** Secure MQTT beyond carrying it, see {@link SmqttOptions}. Default: nothing. */
  readonly smqtt?: SmqttOptions | undefined;
  /** A pino logger. Default: silent. */
  readonly log?: Logger | undefined;
}
