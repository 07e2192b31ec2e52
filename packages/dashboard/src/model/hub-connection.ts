import { type Client, connect, isWorthRetrying, type QoS, ReasonCode, RefusedError } from "@isthmus/mqtt";
import type { ReceivedMessage } from "./topic-entry.js";

/** Who signs in. It is kept in memory alone: reloading the page forgets it. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export type ConnectionState =
  | { readonly type: "connecting" }
  | { readonly type: "open" }
  /** It broke, and is tried again. */
  | { readonly type: "waiting"; readonly reason: string }
  /** The hub wants to know who asks; `reason` says why what was given did not do. */
  | { readonly type: "sign-in"; readonly reason: string | undefined }
  /** Trying again makes no sense. */
  | { readonly type: "failed"; readonly reason: string };

/** What the page is told. */
export interface ConnectionListener {
  handleState(state: ConnectionState): void;
  handleMessage(message: ReceivedMessage): void;
  /** A new session: what is retained comes again. */
  handleStart(): void;
  /** The hub does not let this user subscribe to the filter. */
  handleRefusal(filter: string, reason: string): void;
}

/** What is to be published. */
export interface Publication {
  readonly topic: string;
  readonly payload: string;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** The largest packet that the hub may send to the page, in bytes: what is larger, the page does not see. */
const MAXIMUM_PACKET_SIZE = 1024 * 1024;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 8000;

/** The page's connection to its hub: MQTT over WebSocket, again and again until it is ended. */
export class HubConnection {
  readonly #url: URL;
  readonly #listener: ConnectionListener;
  #ending = new AbortController();
  #client: Client | undefined;

  constructor(url: URL, listener: ConnectionListener) {
    this.#url = url;
    this.#listener = listener;
  }

  /** Connects, as somebody else if it is connected. */
  open(filter: string, credentials: Credentials | undefined): void {
    this.#ending.abort();
    this.#ending = new AbortController();
    void this.#run(filter, credentials, this.#ending.signal);
  }

  /** @throws RefusedError when the hub refuses it; Error when there is no connection. */
  async publish({ topic, payload, qos, retain }: Publication): Promise<void> {
    if (this.#client?.isConnected !== true) throw new Error("there is no connection");
    await this.#client.publish(topic, payload, { qos, retain });
  }

  async #run(filter: string, credentials: Credentials | undefined, signal: AbortSignal): Promise<void> {
    for (let waitMs = RETRY_MIN_MS; !signal.aborted; waitMs = Math.min(2 * waitMs, RETRY_MAX_MS)) {
      this.#tell(signal, { type: "connecting" });
      const { error, wasOpen } = await this.#connectOnce(filter, credentials, signal);
      if (signal.aborted) return;
      const reason = error?.message ?? "the connection was closed";
      if (asksForUser(error)) {
        this.#tell(signal, { type: "sign-in", reason: credentials === undefined ? undefined : reason });
        return;
      }
      if (error !== undefined && !isWorthRetrying(error)) {
        this.#tell(signal, { type: "failed", reason });
        return;
      }
      if (wasOpen) waitMs = RETRY_MIN_MS;
      this.#tell(signal, { type: "waiting", reason });
      await sleep(waitMs, signal);
    }
  }

  /** Lives as long as one connection. */
  async #connectOnce(
    filter: string,
    credentials: Credentials | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly error: Error | undefined; readonly wasOpen: boolean }> {
    let client: Client;
    try {
      client = await connect(this.#url, {
        ...credentials,
        signal,
        // The hub knows which it lets a user have.
        clientId: "",
        sessionExpiryIntervalSeconds: 0,
        // A broken connection begins anew: what is retained has to come again.
        reconnect: false,
        properties: { maximumPacketSize: MAXIMUM_PACKET_SIZE },
      });
    } catch (error) {
      return { error: asError(error), wasOpen: false };
    }
    if (signal.aborted) return { error: undefined, wasOpen: false };
    this.#client = client;
    this.#listener.handleStart();
    this.#tell(signal, { type: "open" });
    void this.#read(client, filter, signal);
    void this.#read(client, "$SYS/#", signal);
    return { error: await client.closed, wasOpen: true };
  }

  async #read(client: Client, filter: string, signal: AbortSignal): Promise<void> {
    try {
      // What is published with the retain flag is told from what is not.
      for await (const message of await client.subscribe(filter, { retainAsPublished: true })) {
        if (signal.aborted) return;
        this.#listener.handleMessage(message);
      }
    } catch (error) {
      // What else goes wrong ends the connection, which is told there.
      if (!signal.aborted && client.isConnected) this.#listener.handleRefusal(filter, asError(error).message);
    }
  }

  #tell(signal: AbortSignal, state: ConnectionState): void {
    if (!signal.aborted) this.#listener.handleState(state);
  }
}

function asksForUser(error: Error | undefined): boolean {
  if (!(error instanceof RefusedError)) return false;
  return error.reasonCode === ReasonCode.badUserNameOrPassword || error.reasonCode === ReasonCode.notAuthorized;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Waits, or until `signal` aborts, or until the browser is on line again. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const woken = new AbortController();
    const wake = (): void => {
      clearTimeout(timer);
      woken.abort();
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    signal.addEventListener("abort", wake, { signal: woken.signal });
    addEventListener("online", wake, { signal: woken.signal });
  });
}
