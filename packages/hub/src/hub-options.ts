import type { ExchangeOptions, Store } from "@isthmus/exchange";
import type { Logger } from "pino";
import type { HistoryOptions } from "./history/history-options.js";
import type { MqttDoorOptions } from "./doors/mqtt/mqtt-options.js";

/** Where a door listens. */
export interface ListenOptions {
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** Every limit has a default: docs/limits.md tells what happens beyond. */
export type Limits = Partial<MqttDoorOptions> &
  Pick<ExchangeOptions, "maxRetainedMessages" | "maxRetainedBytes" | "topicCacheSize">;

/** What {@link createHub} takes. A door without options stays closed; a hub without doors serves its own process. */
export interface HubOptions {
  /** MQTT over TCP. */
  readonly mqtt?: ListenOptions | undefined;
  /** HTTP: MQTT over WebSocket at `/mqtt`. */
  readonly http?: (ListenOptions & { readonly allowedOrigins?: readonly string[] }) | undefined;
  /**
   * Whether clients without a user name are let in. Default: true while all doors listen on loopback addresses only.
   */
  readonly allowAnonymous?: boolean | undefined;
  /** Limits of connections, sessions and retained messages, see {@link Limits}. */
  readonly limits?: Limits | undefined;
  /** What outlives the hub: sessions and retained messages, see `openStore`. Without one they end with it. */
  readonly store?: Store | undefined;
  /** Which messages are kept to be read later, see {@link HistoryOptions}. Default: none. */
  readonly history?: HistoryOptions | undefined;
  /** A pino logger. Default: silent. */
  readonly log?: Logger | undefined;
}
