import { Code } from "../codec/codes.js";
import { filterLinks, parseLinkCriterion } from "../media/link-filter.js";
import { type Link, link } from "../media/link-format.js";
import { links } from "../media/representation.js";
import { CoapError } from "./coap-error.js";
import type { Resource } from "./resource.js";
import type { ServerRequest } from "./server-request.js";

/** Where a server says what it has (RFC 6690 4). */
export const WELL_KNOWN_CORE = "/.well-known/core";

/** The link that stands for a resource in `/.well-known/core`; undefined when it is not listed. */
export function linkOf({ path, definition }: Resource): Link | undefined {
  const hasParameters = /\/[:*]/.test(path);
  if (!(definition.isListed ?? !hasParameters)) return undefined;
  // RFC 7641 6: `obs` says that observing is worth the try.
  return link(path, { ...definition.attributes, obs: definition.isObservable === true });
}

/** What `/.well-known/core` answers: those of `all` that the query asks for (RFC 6690 4.1). */
export function listLinks(request: ServerRequest, all: Iterable<Link>): unknown {
  const found = filterLinks(all, request.query.arguments.map(parseLinkCriterion));
  // RFC 6690 4.1: a multicast query that nothing here meets stays without an answer. The endpoint keeps errors back.
  if (found.length === 0 && request.incoming.isMulticast) throw new CoapError(Code.NOT_FOUND);
  return links(found);
}
