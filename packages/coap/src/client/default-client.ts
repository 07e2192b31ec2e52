import type { MediaCodec } from "../media/media-codec.js";
import type { Link } from "../media/link-format.js";
import { CoapClient, type DiscoverOptions, type ObserveOptions } from "./client.js";
import type { Patience } from "./client-request.js";
import { type Connector, type ConnectorOptions, type Route } from "./connector.js";
import type { RequestOptions } from "./request-options.js";
import type { CoapResponse } from "./response.js";

/** What {@link createClient} can be told. */
export interface CreateClientOptions extends ConnectorOptions {
  readonly codecs?: readonly MediaCodec[];
}

/**
 * A client on the transports of the platform: UDP, TCP, TLS and WebSocket in Node, WebSocket in a browser.
 *
 * Close it when it is no longer needed.
 */
export function createClient({ codecs, ...options }: CreateClientOptions = {}): CoapClient {
  return new CoapClient({ connector: new PlatformConnector(options), ...(codecs && { codecs }) });
}

/**
 * Asks for `uri` once, over a transport opened for it: {@link CoapClient.request} of a client that lives as long.
 *
 * @example
 * const response = await request("coap://[::1]/light", { method: "PUT", body: { on: true } });
 * if (!response.ok) throw new Error(String(response)); // "4.05 Method Not Allowed: PUT is not allowed here"
 */
export async function request(uri: string, options: RequestOptions = {}): Promise<CoapResponse> {
  const client = createClient();
  try {
    return await client.request(uri, options);
  } finally {
    await client.close();
  }
}

/**
 * Observes `uri` over a transport of its own: {@link CoapClient.observe} of a client that lives as long as the loop.
 *
 * @example
 * for await (const response of observe("coap://[::1]/temp")) console.log(response.body());
 */
export async function* observe(
  uri: string,
  options: ObserveOptions = {},
): AsyncGenerator<CoapResponse, void, undefined> {
  const client = createClient();
  try {
    yield* client.observe(uri, options);
  } finally {
    await client.close();
  }
}

/** The links of a server: {@link CoapClient.discover} of a client that lives as long. */
export async function discover(uri: string, options: DiscoverOptions = {}): Promise<Link[]> {
  const client = createClient();
  try {
    return await client.discover(uri, options);
  } finally {
    await client.close();
  }
}

/** The milliseconds to a server and back: {@link CoapClient.ping} of a client that lives as long. */
export async function ping(uri: string, patience: Patience = {}): Promise<number> {
  const client = createClient();
  try {
    return await client.ping(uri, patience);
  } finally {
    await client.close();
  }
}

/** Loads the platform's connector when it is first needed: a server alone, or a codec, does not. */
class PlatformConnector implements Connector {
  readonly #options: ConnectorOptions;
  #loaded: Promise<Connector> | undefined;

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  async connect(uri: Parameters<Connector["connect"]>[0]): Promise<Route> {
    // package.json says which one: that of the browser, or that of Node.
    this.#loaded ??= import("#connector").then(({ createConnector }) => createConnector(this.#options));
    return (await this.#loaded).connect(uri);
  }

  async close(): Promise<void> {
    await (await this.#loaded)?.close();
  }
}
