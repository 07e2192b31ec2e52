import type { IncomingMessage, RequestOptions } from "node:http";

/** An answer of the other side, whatever its status. */
export interface JsonAnswer {
  readonly status: number;
  /** Undefined when the body is not JSON. */
  readonly body: unknown;
}

/** Nothing that could be understood came, in time. */
export class JsonPostError extends Error {
  override readonly name = "JsonPostError";
}

export interface JsonPostOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

/**
 * Sends `body` as JSON by POST. Connections are kept for the next request; a redirection is an answer like any other.
 *
 * `fetch` would do the same and take fourteen megabytes to load.
 *
 * @throws JsonPostError
 */
export async function postJson(url: URL, body: unknown, options: JsonPostOptions): Promise<JsonAnswer> {
  const { timeoutMs, maxAnswerBytes, headers } = options;
  const bytes = Buffer.from(JSON.stringify(body));
  const request: RequestOptions = {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", "content-length": bytes.length },
    // The whole exchange, not each of its steps.
    signal: AbortSignal.timeout(timeoutMs),
  };
  try {
    const response = await send(url, request, bytes);
    const text = await readText(response, maxAnswerBytes);
    return { status: response.statusCode ?? 0, body: parseJson(text) };
  } catch (cause) {
    const isLate = cause instanceof Error && (cause.name === "AbortError" || cause.name === "TimeoutError");
    const reason = isLate ? `no answer within ${timeoutMs} ms` : cause instanceof Error ? cause.message : String(cause);
    throw new JsonPostError(`${url.host}: ${reason}`, { cause });
  }
}

function send(url: URL, options: RequestOptions, bytes: Uint8Array): Promise<IncomingMessage> {
  const http = process.getBuiltinModule("node:http");
  const { request } = url.protocol === "https:" ? process.getBuiltinModule("node:https") : http;
  return new Promise((resolve, reject) => {
    request(url, options, resolve).on("error", reject).end(bytes);
  });
}

async function readText(response: IncomingMessage, maximum: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // A response without an encoding gives buffers.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maximum) throw new RangeError(`the answer is longer than ${maximum} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
