import type { IncomingMessage } from "node:http";
import { readHttpBody } from "../../listeners/http-body.js";
import { RequestRefusedError } from "../requests/request-refusal.js";

/**
 * The whole body of a request.
 *
 * @throws RequestRefusedError too-large beyond `maximumSize`.
 * @throws Error when the client goes before the end.
 */
export async function readBody(request: IncomingMessage, maximumSize: number): Promise<Uint8Array> {
  const body = await readHttpBody(request, maximumSize);
  if (body !== undefined) return body;
  throw new RequestRefusedError("too-large", `the body of a message exceeds the maximum of ${maximumSize} bytes`);
}
