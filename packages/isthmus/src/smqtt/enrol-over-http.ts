import { EnrolmentError, enrolTopic, type Joining, type Membership } from "@isthmus/smqtt";
import { UsageError } from "../command.js";

/** Enrols over HTTP: `POST <hub>/smqtt/enrol/<authority>`, request and answer as they are. */
export async function enrolOverHttp(hub: string, joining: Joining, signal: AbortSignal): Promise<Membership> {
  const url = enrolUrl(hub, joining.file.authorityKey);
  const response = await post(url, joining.request, signal);
  if (!response.ok) {
    const text = (await response.text()).trim();
    throw new EnrolmentError(`${url} answers ${response.status}${text === "" ? "" : `: ${text}`}`);
  }
  return joining.complete(new Uint8Array(await response.arrayBuffer()));
}

function enrolUrl(hub: string, authorityKey: Uint8Array): string {
  try {
    return new URL(`/${enrolTopic(authorityKey)}`, hub).href;
  } catch {
    throw new UsageError(`--http ${hub} is not a URL`, "such as http://localhost:8080");
  }
}

async function post(url: string, request: Uint8Array, signal: AbortSignal): Promise<Response> {
  const headers = { "content-type": "application/octet-stream" };
  try {
    return await fetch(url, { method: "POST", headers, body: request.slice(), signal });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new UsageError(`${url}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
