import type { IncomingMessage } from "node:http";

/**
 * The whole body of a request; undefined when it has more than `maximumSize` bytes, on the header alone where that tells.
 *
 * @throws Error when the client goes before the end.
 */
export async function readHttpBody(request: IncomingMessage, maximumSize: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > maximumSize) return undefined;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    // Without an encoding a request gives buffers.
    const bytes = chunk as Buffer;
    sizeBytes += bytes.length;
    if (sizeBytes > maximumSize) return undefined;
    chunks.push(bytes);
  }
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, sizeBytes);
}
