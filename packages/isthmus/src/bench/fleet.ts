import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import type { ProtocolVersion } from "@isthmus/mqtt/codec";

import { BenchConnection } from "./bench-connection.js";
import type { RunOptions } from "./run-options.js";

/** The broker that a run loads. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_PORT = 1883;

/** Connections of one source address to one broker: well below the ephemeral ports that a system has (28,000 on Linux). */
const CONNECTIONS_PER_ADDRESS = 10_000;

/** How many connections of a fleet are being made at a time. */
const OPENING_AT_A_TIME = 50;

/** @throws RangeError for anything but `mqtt://host[:port]`. */
export function parseBrokerUrl(url: string): BrokerAddress {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== "mqtt:" || parsed.hostname === "") {
    throw new RangeError(`"${url}" is not mqtt://host[:port]: the generator speaks MQTT over plain TCP`);
  }
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? DEFAULT_PORT : Number(parsed.port),
  };
}

/** All connections of one run: they fail together and close together. */
export class Fleet {
  readonly #broker: BrokerAddress;
  readonly #version: ProtocolVersion;
  readonly #connections: BenchConnection[] = [];
  readonly #signal: AbortSignal;
  readonly #closing = new AbortController();
  readonly #failure = Promise.withResolvers<never>();
  /** Sets this run's topics and client identifiers apart from those of another. */
  readonly runName = randomBytes(4).toString("hex");
  readonly #durableClientIds: string[] = [];
  #openedCount = 0;

  constructor(broker: BrokerAddress, version: ProtocolVersion, { signal }: RunOptions) {
    this.#broker = broker;
    this.#version = version;
    // Nobody may be waiting when a connection fails; whoever waits next is told.
    this.#failure.promise.catch(() => {});
    signal.addEventListener("abort", this.#abort, { once: true });
    this.#signal = signal;
    if (signal.aborted) this.#abort();
  }

  /** Opens one more connection; with `isDurable` its session outlives it, until {@link endSessions}. */
  async open(isDurable = false): Promise<BenchConnection> {
    const connection = await this.openUnkept(isDurable);
    this.#connections.push(connection);
    if (this.#closing.signal.aborted) connection.reset();
    return connection;
  }

  /** Opens a connection that its caller closes. */
  openUnkept(isDurable = false): Promise<BenchConnection> {
    const index = this.#openedCount++;
    const clientId = `bench-${this.runName}-${index}`;
    if (isDurable) this.#durableClientIds.push(clientId);
    return this.during(this.#connect(clientId, isDurable, Math.floor(index / CONNECTIONS_PER_ADDRESS)));
  }

  /** Closes all connections and leaves no session behind. */
  async endSessions(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    for (const clientId of this.#durableClientIds) {
      const connection = await this.during(this.#connect(clientId, false, 0));
      connection.close();
    }
  }

  /** Opens `count` connections, some at a time. */
  async openMany(count: number, isDurable = false): Promise<BenchConnection[]> {
    const opened: BenchConnection[] = [];
    const openSome = async (): Promise<void> => {
      for (; count > 0;) {
        count--;
        opened.push(await this.open(isDurable));
      }
    };
    await Promise.all(Array.from({ length: OPENING_AT_A_TIME }, openSome));
    return opened;
  }

  /** Waits for `work`, for the first failure of a connection, or for the signal that ends the run. */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failure.promise]);
  }

  /** Waits so long, as {@link during} waits for anything. */
  async sleep(milliseconds: number): Promise<void> {
    await this.during(delay(milliseconds, undefined, { signal: this.#closing.signal }));
  }

  /** Ends what is under way and closes all connections: nothing is left that would keep the process alive. */
  close(): void {
    this.#closing.abort();
    this.#signal.removeEventListener("abort", this.#abort);
    for (const connection of this.#connections) connection.close();
  }

  #connect(clientId: string, isDurable: boolean, addressIndex: number): Promise<BenchConnection> {
    return BenchConnection.open({
      ...this.#broker,
      version: this.#version,
      clientId,
      isDurable,
      localAddress: this.#localAddress(addressIndex),
      onFailure: (error) => this.#failure.reject(error),
      signal: this.#closing.signal,
    });
  }

  readonly #abort = (): void => this.#failure.reject(this.#signal.reason);

  /** On Linux every address in 127/8 is this machine, with ports of its own. */
  #localAddress(index: number): string | undefined {
    if (index === 0 || process.platform !== "linux" || this.#broker.host !== "127.0.0.1") return undefined;
    return `127.0.1.${1 + ((index - 1) % 250)}`;
  }
}
