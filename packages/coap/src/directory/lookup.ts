import type { Instant } from "@isthmus/machine";
import { Code } from "../codec/codes.js";
import { type LinkCriterion, linkMatches, parseLinkCriterion } from "../media/link-filter.js";
import type { Link } from "../media/link-format.js";
import { CoapError } from "../server/coap-error.js";
import type { UriQuery } from "../server/uri-query.js";
import type { Registration } from "./registration.js";
import type { ResourceDirectory } from "./resource-directory.js";

/** What a lookup asks for (RFC 9176 6.2). */
export interface Lookup {
  /** All of them must be met. */
  readonly criteria: readonly LinkCriterion[];
  /** Links on a page, and which page; undefined for all on one. */
  readonly page: { readonly number: number; readonly count: number } | undefined;
  /** The link that the client is on, when its address is link-local. */
  readonly zone: string | undefined;
}

/** @throws CoapError with 4.00 for a page without a count, or a number that is none. */
export function parseLookup(query: UriQuery, zone?: string): Lookup {
  const page = parseCount("page", query.get("page"));
  const count = parseCount("count", query.get("count"));
  // RFC 9176 6.2: page cannot be used without count.
  if (page !== undefined && count === undefined) throw new CoapError(Code.BAD_REQUEST, "page needs count");
  const search = query.arguments.filter((argument) => !/^(page|count)(=|$)/.test(argument));
  return {
    criteria: search.map(parseLinkCriterion),
    page: count === undefined ? undefined : { number: page ?? 0, count },
    zone,
  };
}

/** The links of all endpoints that meet the criteria, by themselves or by their endpoint (RFC 9176 6.1). */
export function lookUpResources(now: Instant, directory: ResourceDirectory, lookup: Lookup): Link[] {
  const found: Link[] = [];
  for (const registration of visible(now, directory, lookup)) {
    // What the endpoint meets all its links do.
    const rest = lookup.criteria.filter((criterion) => !linkMatches(registration.endpointLink, criterion));
    found.push(...registration.resolvedLinks.filter((item) => rest.every((criterion) => linkMatches(item, criterion))));
  }
  return pageOf(found, lookup);
}

/** The endpoints that meet the criteria, by themselves or by one of their links (RFC 9176 6.3). */
export function lookUpEndpoints(now: Instant, directory: ResourceDirectory, lookup: Lookup): Link[] {
  const found: Link[] = [];
  for (const registration of visible(now, directory, lookup)) {
    const candidates = [registration.endpointLink, ...registration.resolvedLinks];
    const isFound = lookup.criteria.every((criterion) => candidates.some((item) => linkMatches(item, criterion)));
    if (isFound) found.push(registration.endpointLink);
  }
  return pageOf(found, lookup);
}

/** RFC 9176 6.1, 6.3: what is at a link-local address is shown on that very link alone. */
function* visible(now: Instant, directory: ResourceDirectory, { zone }: Lookup): Generator<Registration> {
  for (const registration of directory.registrations(now)) {
    const isElsewhere = registration.isLinkLocal && registration.registrant.zone !== zone;
    if (!isElsewhere) yield registration;
  }
}

function pageOf(links: Link[], { page }: Lookup): Link[] {
  return page === undefined ? links : links.slice(page.number * page.count, (page.number + 1) * page.count);
}

function parseCount(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,9}$/.test(text)) throw new CoapError(Code.BAD_REQUEST, `${name} "${text}" is not a number`);
  return Number(text);
}
