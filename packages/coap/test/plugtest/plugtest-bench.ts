import { SeededRandom } from "@isthmus/machine";
import { expect } from "vitest";
import { CoapClient, type CoapResponse, connectorOf, type RequestOptions } from "../../src/client/index.js";
import { decodeDatagram } from "../../src/codec/index.js";
import type { DatagramEndpointOptions } from "../../src/endpoint/endpoint-options.js";
import { type Address, DatagramEndpoint, type RequestHandler } from "../../src/endpoint/index.js";
import { createPlugtestServer, type PlugtestServer } from "../../src/plugtest/index.js";
import { below, coapUpstream, createReverseProxy, Relay } from "../../src/proxy/index.js";
import { fillLine, formatMessage, matchLine } from "../endpoint/notation.js";

const ADDRESS = {
  client: { address: "192.0.2.2", port: 40_000 },
  server: { address: "192.0.2.1", port: 5683 },
  proxy: { address: "192.0.2.3", port: 5683 },
};

type Side = keyof typeof ADDRESS;

interface Held {
  readonly from: Side;
  readonly to: Side;
  readonly bytes: Uint8Array;
}

interface Appointment {
  readonly at: number;
  readonly callback: () => void;
}

/**
 * Our client and our plug test server, and between them the test: it takes each message, holds it against the line that the
 * description asks for, and hands it on or loses it. Nothing moves but by the test's word.
 *
 * Lines are those of the ladders, `>` before what the client sends and `<` before what comes back to it. With a reverse
 * proxy between them `>>` stands before what it asks the server, and `<<` before the server's answer.
 */
export class PlugtestBench {
  now = 1_000_000;
  readonly plugtest: PlugtestServer;
  readonly client: CoapClient;
  readonly #endpoints: Record<Side, DatagramEndpoint>;
  readonly #held: Held[] = [];
  /** Where the client turns to. */
  readonly #front: Address;
  readonly #bindings = new Map<string, string>();
  #appointments: Appointment[] = [];

  constructor({ isProxied = false } = {}) {
    this.plugtest = createPlugtestServer({
      now: () => this.now,
      schedule: (milliseconds, callback) => {
        const appointment = { at: this.now + milliseconds, callback };
        this.#appointments.push(appointment);
        return () => {
          this.#appointments = this.#appointments.filter((other) => other !== appointment);
        };
      },
    });
    this.#front = isProxied ? ADDRESS.proxy : ADDRESS.server;
    const { handler, connect } = reverseProxy(() => this.now);
    this.#endpoints = {
      client: this.#bind("client", {}),
      server: this.#bind("server", { handler: this.plugtest.server, amplification: { isTrusted: () => true } }),
      proxy: this.#bind("proxy", { handler, amplification: { isTrusted: () => true } }),
    };
    connect(this.#endpoints.proxy);
    const endpoint = this.#endpoints.client;
    const transport = { scheme: "coap", endpoint, now: () => this.now, close: async () => {} };
    this.client = new CoapClient({ connector: connectorOf(transport) });
  }

  /** Our client asks for a path of the server. */
  ask(path: string, options: RequestOptions = {}): Promise<CoapResponse> {
    const answer = this.client.request(`coap://${this.#front.address}${path}`, options);
    answer.catch(() => {});
    return answer;
  }

  /** Our client observes a path; what it is told gathers in `seen`, as text or as the code of an error. */
  observe(path: string, options: Omit<RequestOptions, "method"> = {}) {
    const seen: string[] = [];
    const controller = new AbortController();
    const uri = `coap://${this.#front.address}${path}`;
    const loop = this.client.observe(uri, { ...options, signal: controller.signal });
    const done = (async () => {
      for await (const response of loop) seen.push(response.ok ? response.text() : response.status);
    })();
    return { seen, done, cancel: () => controller.abort() };
  }

  /** The next messages are as the lines say, and arrive. */
  async steps(...lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const held = await this.#take(line);
      this.#endpoints[held.to].receive(this.now, held.bytes, ADDRESS[held.from]);
    }
    await settle();
  }

  /** The next message is as the line says, and is lost. */
  async lose(line: string): Promise<void> {
    await this.#take(line);
  }

  /** Nobody sends anything. */
  async silence(milliseconds = 0): Promise<void> {
    await this.advance(milliseconds);
    await settle();
    expect(
      this.#held.map(({ from, to, bytes }) => `${mark(from, to)} ${formatMessage(decodeDatagram(bytes))}`),
    ).toEqual([]);
  }

  /** Lets time pass, with what falls due in it, until there is something to look at. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.now + milliseconds;
    for (;;) {
      await settle();
      const next = this.#nextInstant();
      if (next > until || this.#held.length > 0) break;
      this.now = Math.max(this.now, next);
      this.#doWhatIsDue();
    }
    if (this.#held.length === 0) this.now = until;
  }

  /** The client goes away without a word, and whoever takes its place knows nothing. */
  rebootClient(): void {
    const old = this.#endpoints.client;
    this.#endpoints.client = this.#bind("client", {});
    const before = this.#held.length;
    old.close(this.now);
    this.#held.length = before;
  }

  /** What `$name` stands for. */
  bound(name: string): string {
    return this.#bindings.get(`$${name}`) ?? "";
  }

  #bind(side: Side, options: Partial<DatagramEndpointOptions>): DatagramEndpoint {
    return new DatagramEndpoint(
      { random: new SeededRandom(1 + Object.keys(ADDRESS).indexOf(side)), ...options },
      {
        transmit: (bytes: Uint8Array, to: Address) => {
          this.#held.push({ from: side, to: sideAt(to), bytes: bytes.slice() });
        },
        wake: () => {},
      },
    );
  }

  async #take(line: string): Promise<Held> {
    await settle();
    const held = this.#held.shift();
    const actual =
      held === undefined ? "nothing" : `${mark(held.from, held.to)} ${formatMessage(decodeDatagram(held.bytes))}`;
    const bindings = new Map(this.#bindings);
    if (held === undefined || !matchLine(line, actual, bindings)) {
      expect(actual).toBe(fillLine(line, this.#bindings));
      throw new Error("a line that does not match is the one that was expected");
    }
    for (const [name, value] of bindings) this.#bindings.set(name, value);
    return held;
  }

  #nextInstant(): number {
    const deadlines = Object.values(this.#endpoints).map((endpoint) => endpoint.nextDeadline());
    return Math.min(...deadlines, ...this.#appointments.map(({ at }) => at));
  }

  #doWhatIsDue(): void {
    for (const endpoint of Object.values(this.#endpoints)) {
      if (endpoint.nextDeadline() <= this.now) endpoint.handleTimeout(this.now);
    }
    const due = this.#appointments.filter(({ at }) => at <= this.now);
    this.#appointments = this.#appointments.filter(({ at }) => at > this.now);
    for (const { callback } of due) callback();
  }
}

/** A proxy that answers as if it were the server; it asks over the endpoint that it is given afterwards. */
function reverseProxy(now: () => number): { handler: RequestHandler; connect: (endpoint: DatagramEndpoint) => void } {
  let front: RequestHandler | undefined;
  return {
    handler: { handleRequest: (at, request) => front?.handleRequest(at, request) },
    connect: (endpoint) => {
      const connector = connectorOf({ scheme: "coap", endpoint, now, close: async () => {} });
      const relay = new Relay({ upstreams: [coapUpstream(connector)] });
      front = createReverseProxy({ relay, locate: below("/", `coap://${ADDRESS.server.address}`) });
    },
  };
}

/** Whose address it is. */
function sideAt({ address, port }: Address): Side {
  const sides: readonly Side[] = ["client", "server", "proxy"];
  const side = sides.find((each) => ADDRESS[each].address === address && ADDRESS[each].port === port);
  if (side === undefined) throw new Error(`nobody is at ${address} ${port}`);
  return side;
}

function mark(from: Side, to: Side): string {
  if (from === "client") return ">";
  if (to === "client") return "<";
  return from === "proxy" ? ">>" : "<<";
}

/** Promises that wait for each other take a few turns. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
