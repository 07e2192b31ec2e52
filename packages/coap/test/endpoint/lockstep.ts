import { SeededRandom } from "@isthmus/machine";
import { expect } from "vitest";
import { decodeDatagram, encodeDatagram } from "../../src/codec/index.js";
import { MAX_EXTENDED_TOKEN_LENGTH } from "../../src/codec/token-length.js";
import {
  type Address,
  DatagramEndpoint,
  type DatagramEndpointOptions,
  type IncomingRequest,
  type IncomingResponse,
  type RequestError,
  type Response,
  type ResponseHandler,
} from "../../src/endpoint/index.js";
import { fillLine, formatMessage, matchLine, parseMessage } from "./notation.js";

/** The other side of a ladder. */
export const far: Address = { address: "192.0.2.1", port: 5683 };

/** One endpoint on a clock that stands still, and what it sent: the other side is the test. */
export class Lockstep {
  now = 1_000;
  readonly endpoint: DatagramEndpoint;
  /** What it sent and nobody looked at. */
  readonly sent: { readonly bytes: Uint8Array; readonly to: Address }[] = [];
  readonly #bindings = new Map<string, string>();

  constructor(options: Partial<DatagramEndpointOptions> = {}) {
    this.endpoint = new DatagramEndpoint(
      // Ladders are about what is said, not how much of it an address may get: that has tests of its own.
      { random: new SeededRandom(1), amplification: { isTrusted: () => true }, ...options },
      { transmit: (bytes, to) => this.sent.push({ bytes: bytes.slice(), to: { ...to } }), wake: () => {} },
    );
  }

  /** The other side sends what `line` says. */
  receive(line: string, from: Address = far, isMulticast = false): void {
    this.receiveBytes(encodeDatagram(parseMessage(fillLine(line, this.#bindings))), from, isMulticast);
  }

  receiveBytes(bytes: Uint8Array, from: Address = far, isMulticast = false): void {
    this.endpoint.receive(this.now, bytes, from, isMulticast);
  }

  /** The endpoint sent what `line` says, and that to `to`. */
  expectSent(line: string, to: Address = far): void {
    const first = this.sent.shift();
    const actual =
      first === undefined ? "nothing" : formatMessage(decodeDatagram(first.bytes, MAX_EXTENDED_TOKEN_LENGTH));
    const bindings = new Map(this.#bindings);
    if (!matchLine(line, actual, bindings)) expect(actual).toBe(fillLine(line, this.#bindings));
    for (const [name, value] of bindings) this.#bindings.set(name, value);
    expect({ address: first?.to.address, port: first?.to.port }).toEqual({ address: to.address, port: to.port });
  }

  expectSilence(): void {
    expect(this.sent.map(({ bytes }) => formatMessage(decodeDatagram(bytes)))).toEqual([]);
  }

  /** What `name` was bound to. */
  bound(name: string): string {
    return this.#bindings.get(name) ?? "";
  }

  /** Lets time pass, with what falls due in it. */
  advance(milliseconds: number): void {
    const until = this.now + milliseconds;
    for (let next = this.endpoint.nextDeadline(); next <= until; next = this.endpoint.nextDeadline()) {
      this.now = Math.max(this.now, next);
      this.endpoint.handleTimeout(this.now);
    }
    this.now = until;
  }
}

/** A handler that keeps the requests for the test to answer. */
export class Inbox {
  readonly requests: IncomingRequest[] = [];

  handleRequest(_now: number, request: IncomingRequest): void {
    this.requests.push(request);
  }

  /** The oldest request that was not taken. */
  take(): IncomingRequest {
    const request = this.requests.shift();
    if (request === undefined) throw new Error("no request came");
    return request;
  }
}

/** A handler that answers at once. */
export function answering(respond: (request: IncomingRequest) => Response | undefined): {
  handleRequest(now: number, request: IncomingRequest): void;
} {
  return {
    handleRequest(now, request) {
      const response = respond(request);
      if (response !== undefined) request.respond(now, response);
    },
  };
}

/** Keeps what came of a request. */
export class Outcome implements ResponseHandler {
  readonly responses: IncomingResponse[] = [];
  isEnded = false;
  failure: RequestError | undefined;
  endCount = 0;

  handleResponse(_now: number, response: IncomingResponse): void {
    this.responses.push(response);
  }

  handleEnd(_now: number, failure: RequestError | undefined): void {
    this.isEnded = true;
    this.endCount++;
    this.failure = failure;
  }

  /** The payloads as text. */
  get texts(): string[] {
    return this.responses.map(({ payload }) => new TextDecoder().decode(payload));
  }
}
