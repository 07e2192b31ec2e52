import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { concatBytes } from "@isthmus/bytes";
import type { HcProxy, HttpResponse } from "../proxy/hc-proxy.js";

/** How requests of HTTP are taken in. */
export interface HcListenerOptions {
  /** Most bytes of a body; more is answered 413. Default 8 MiB. */
  readonly maxBodyBytes?: number;
}

/**
 * Lets a server of `node:http` be an HTTP-to-CoAP proxy; what is not below the proxy's path is answered 404.
 *
 * @example
 * createServer(hcRequestListener(new HcProxy({ relay, allow }))).listen(8080, "127.0.0.1");
 */
export function hcRequestListener(proxy: HcProxy, options: HcListenerOptions = {}): RequestListener {
  const maxBodyBytes = options.maxBodyBytes ?? 8 * 2 ** 20;
  return (request, response) => {
    answer(proxy, request, maxBodyBytes).then(
      (answered) => send(response, answered),
      // The client went away while it sent its body.
      () => response.destroy(),
    );
  };
}

async function answer(proxy: HcProxy, request: IncomingMessage, maxBodyBytes: number): Promise<HttpResponse> {
  const { method = "GET", url = "/", headers } = request;
  if (!proxy.handles(url)) return { status: 404, headers: {}, body: new Uint8Array() };
  const body = await readBody(request, maxBodyBytes);
  if (body === undefined) return { status: 413, headers: { connection: "close" }, body: new Uint8Array() };
  const flat = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]),
  );
  return proxy.handle({ method, target: url, headers: flat, body });
}

async function readBody(request: IncomingMessage, maxBodyBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request) {
    // Without an encoding set, an IncomingMessage gives Buffers.
    const bytes = chunk as Buffer;
    length += bytes.length;
    if (length > maxBodyBytes) return undefined;
    chunks.push(bytes);
  }
  return concatBytes(chunks);
}

function send(response: ServerResponse, { status, statusText, headers, body }: HttpResponse): void {
  if (statusText === undefined) response.writeHead(status, { ...headers });
  else response.writeHead(status, statusText, { ...headers });
  response.end(body);
}
