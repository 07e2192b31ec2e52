import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import { SeededRandom } from "@isthmus/machine";
import { Code, codeName, formatCode, Option, type OptionEntry, Options, parseCoapUri } from "../../src/codec/index.js";
import type { DatagramEndpoint } from "../../src/endpoint/datagram-endpoint.js";
import type { IncomingResponse, OutgoingRequest, RequestHandler } from "../../src/endpoint/index.js";
import { type CoapServer, createServer, type ServerOptions } from "../../src/server/index.js";
import { MemoryNetwork } from "../../src/transport/memory.js";

const SERVER = { address: "192.0.2.1", port: 5683 };
const GROUP = { address: "224.0.1.187", port: 5683 };

/** A request as a test writes it. */
export interface Question {
  readonly code?: number;
  readonly payload?: string | Uint8Array;
  readonly contentFormat?: number;
  readonly accept?: number;
  readonly options?: readonly OptionEntry[];
  readonly observe?: number;
  readonly isMulticast?: boolean;
}

/** A server and a client on a network in memory. */
export class ServerBench {
  readonly network = new MemoryNetwork(() => 1, 1_000_000);
  readonly server: CoapServer;
  readonly errors: unknown[] = [];
  readonly #client: DatagramEndpoint;

  constructor(options: ServerOptions = {}, handler?: RequestHandler) {
    this.server = createServer({
      now: () => this.network.now,
      handleError: (error) => this.errors.push(error),
      ...options,
    });
    this.network.bind(SERVER, {
      handler: handler ?? this.server,
      random: new SeededRandom(1),
      supportsProxying: true,
      // What goes to addresses that nobody verified is the endpoint's matter, and tested there.
      amplification: { isTrusted: () => true },
    });
    this.network.join(GROUP, SERVER);
    this.#client = this.network.bind({ address: "192.0.2.2", port: 40_000 }, { random: new SeededRandom(2) });
  }

  /** Sends a request; what comes back gathers in `responses` as the network runs. */
  send(path: string, question: Question = {}): { responses: IncomingResponse[]; request: OutgoingRequest } {
    const uri = parseCoapUri(`coap://host${path}`);
    const entries: OptionEntry[] = [...(question.options ?? [])];
    for (const segment of uri.path) entries.push([Option.URI_PATH, segment]);
    for (const argument of uri.query) entries.push([Option.URI_QUERY, argument]);
    if (question.contentFormat !== undefined) entries.push([Option.CONTENT_FORMAT, question.contentFormat]);
    if (question.accept !== undefined) entries.push([Option.ACCEPT, question.accept]);
    if (question.observe !== undefined) entries.push([Option.OBSERVE, question.observe]);
    const { payload, isMulticast = false } = question;
    const responses: IncomingResponse[] = [];
    const request = this.#client.request(
      this.network.now,
      isMulticast ? GROUP : SERVER,
      {
        code: question.code ?? Code.GET,
        options: Options.of(...entries),
        isMulticast,
        ...(payload !== undefined && { payload: typeof payload === "string" ? encodeUtf8(payload) : payload }),
      },
      { handleResponse: (_, response) => responses.push(response), handleEnd() {} },
    );
    return { responses, request };
  }

  /** The one response to a request, when handlers answer at once. */
  ask(path: string, question: Question = {}): IncomingResponse {
    const { responses } = this.send(path, question);
    this.network.runFor(1_000);
    const [response] = responses;
    if (response === undefined || responses.length > 1) throw new Error(`${responses.length} responses to ${path}`);
    return response;
  }

  /** The one response to a request, when handlers take their time. */
  async askLater(path: string, question: Question = {}): Promise<IncomingResponse> {
    const { responses } = this.send(path, question);
    await this.settle();
    const [response] = responses;
    if (response === undefined) throw new Error(`no response to ${path}`);
    return response;
  }

  /** Lets promises and the network come to rest. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) {
      this.network.runFor(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** A response in a line: "2.05 Content 0 hello". */
export function summary({ code, options, payload }: IncomingResponse): string {
  const format = options.uint(Option.CONTENT_FORMAT);
  const parts = [formatCode(code), codeName(code) ?? "", ...(format === undefined ? [] : [String(format)])];
  return [...parts, ...(payload.length > 0 ? [decodeUtf8(payload)] : [])].join(" ");
}
