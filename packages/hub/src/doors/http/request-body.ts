import type { IncomingMessage } from "node:http";
import { RequestRefusedError } from "../requests/request-refusal.js";

/**
 * The whole body of a request.
 *
 * @throws RequestRefusedError too-large beyond `maximumSize`, on the header alone where that tells.
 * @throws Error when the client goes before the end.
 */
export async function readBody(request: IncomingMessage, maximumSize: number): Promise<Uint8Array> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maximumSize) throw tooLarge(`${announced} bytes`, maximumSize);
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    // Without an encoding a request gives buffers.
    const bytes = chunk as Buffer;
    sizeBytes += bytes.length;
    if (sizeBytes > maximumSize) throw tooLarge("the body", maximumSize);
    chunks.push(bytes);
  }
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, sizeBytes);
}

function tooLarge(what: string, maximumSize: number): RequestRefusedError {
  return new RequestRefusedError("too-large", `${what} of a message exceed the maximum of ${maximumSize} bytes`);
}
