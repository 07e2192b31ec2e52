import type { Instant } from "@isthmus/machine";
import { Code } from "../codec/codes.js";
import { coapSchemes, formatHost } from "../codec/uri.js";
import type { Peer } from "../endpoint/endpoint.js";
import type { Link } from "../media/link-format.js";
import { Format } from "../media/media-codec.js";
import { links } from "../media/representation.js";
import { CoapError } from "../server/coap-error.js";
import { changed, created, type Reply } from "../server/reply.js";
import type { Resource } from "../server/resource.js";
import type { CoapServer } from "../server/server.js";
import type { ServerRequest } from "../server/server-request.js";
import { UriQuery } from "../server/uri-query.js";
import { WELL_KNOWN_CORE } from "../server/well-known-core.js";
import { clockNow } from "../transport/clock.js";
import { WakeTimer } from "../transport/wake-timer.js";
import { lookUpEndpoints, lookUpResources, parseLookup } from "./lookup.js";
import type { Registrant, Registration } from "./registration.js";
import { parseRegistration, parseUpdate } from "./registration-parameters.js";
import type { DirectoryListener, ResourceDirectory } from "./resource-directory.js";

/**
 * Makes the change that was allowed, by calling `change` once and returning what it returns. Between the policy's answer and
 * this call others may have made theirs: it may throw a CoapError instead.
 */
export type DirectoryGrant = <T>(change: () => T) => T;

/**
 * Whether a registrant may do what it wants to: to `registration`, or to register `ep` when there is none of that name yet.
 * It may throw a CoapError that says more. Whoever must know who made a change gives a grant in the place of `true`: the
 * directory's listeners are told within.
 */
export type DirectoryPolicy = (
  registration: Registration | undefined,
  request: ServerRequest,
  ep: string,
) => boolean | DirectoryGrant | Promise<boolean | DirectoryGrant>;

/** How a directory is served. */
export interface ServeDirectoryOptions {
  /** Path of the lookups. Default `/rd-lookup`. */
  readonly lookupPath?: string;
  /** The scheme that requests come in over: part of the base where none is said. Default `coap`. */
  readonly scheme?: string;
  /** Who may register, update and remove what. Default: anybody anything, as for a network that is trusted. */
  readonly allow?: DirectoryPolicy;
  /** Arguments of queries that are the policy's business, as `token`: they do not become attributes of the endpoint. */
  readonly policyArguments?: readonly string[];
  /**
   * Gets the links of `/.well-known/core` of the server at `base`, for simple registration (RFC 9176 5.1): by the `discover`
   * of a client on the very transport that requests come in on. Default: simple registration is answered 5.01.
   */
  readonly discover?: (base: string) => Promise<readonly Link[]>;
  /** Default: the clock of all transports. Whoever gives another calls the directory's `handleTimeout` by it. */
  readonly now?: () => Instant;
}

/** A directory that is served. */
export interface ServedDirectory {
  /** Stops its timer, and forgets the paths on the server. */
  close(): void;
}

/** RFC 9176 7.5: a name belongs to the address that registered it first, for as long as it is registered. */
export const firstComeFirstRemembered: DirectoryPolicy = (registration, { peer }) =>
  registration === undefined || registration.isExpired || registration.registrant.address === addressOf(peer);

/**
 * Lets a server be a resource directory (RFC 9176): registration at the directory's path, lookups that can be observed, and
 * simple registration at `/.well-known/core`.
 *
 * @example
 * const directory = new ResourceDirectory();
 * serveDirectory(server, directory, { discover: (base) => client.discover(base) });
 */
export function serveDirectory(
  server: CoapServer,
  directory: ResourceDirectory,
  options: ServeDirectoryOptions = {},
): ServedDirectory {
  return new DirectoryService(server, directory, options);
}

class DirectoryService implements ServedDirectory, DirectoryListener {
  readonly #server: CoapServer;
  readonly #directory: ResourceDirectory;
  readonly #options: ServeDirectoryOptions;
  readonly #now: () => Instant;
  readonly #timer: WakeTimer | undefined;
  readonly #lookups: readonly Resource[];
  #isClosed = false;

  constructor(server: CoapServer, directory: ResourceDirectory, options: ServeDirectoryOptions) {
    this.#server = server;
    this.#directory = directory;
    this.#options = options;
    this.#now = options.now ?? clockNow;
    this.#timer = options.now === undefined ? new WakeTimer((now) => this.#handleTimeout(now)) : undefined;
    this.#mountRegistration();
    this.#mountSimpleRegistration();
    this.#lookups = this.#mountLookups(options.lookupPath ?? "/rd-lookup");
    directory.addListener(this);
    this.#timer?.wake(directory.nextDeadline());
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.stop();
    this.#directory.removeListener(this);
    for (const { path } of this.#lookups) this.#server.remove(path);
    this.#server.remove(this.#directory.path);
    this.#server.remove(`${this.#directory.path}/:id`);
  }

  handleRegistered(): void {
    this.#timer?.wake(this.#directory.nextDeadline());
    for (const lookup of this.#lookups) lookup.notify();
  }

  handleGone(): void {
    for (const lookup of this.#lookups) lookup.notify();
  }

  #handleTimeout(now: Instant): void {
    this.#directory.handleTimeout(now);
    this.#timer?.wake(this.#directory.nextDeadline());
  }

  #mountRegistration(): void {
    const directory = this.#directory;
    this.#server.resource(directory.path, {
      attributes: { rt: "core.rd", ct: Format.LINKS },
      accepts: [Format.LINKS],
      post: async (request) => {
        if (request.payload.length > directory.maxRegistrationBytes) {
          const message = `more than ${directory.maxRegistrationBytes} bytes of links`;
          throw new CoapError(Code.REQUEST_ENTITY_TOO_LARGE, message);
        }
        const parameters = parseRegistration(this.#queryOf(request));
        const known = directory.findByName(parameters.ep, parameters.d);
        const grant = await this.#check(known, request, parameters.ep);
        const registrant = this.#registrantOf(request.peer);
        const registration = grant(() => directory.register(this.#now(), parameters, registrant, linksOf(request)));
        // RFC 9176 5: the same location as before when the name is known.
        return created(directory.locationOf(registration));
      },
    });
    this.#server.resource(`${directory.path}/:id`, {
      // RFC 9176 5.3.3 leaves reading to others; this shows what was registered.
      get: ({ params }) => links(find(directory, idOf(params)).links),
      post: async (request) => {
        const id = idOf(request.params);
        if (request.payload.length > 0) throw new CoapError(Code.BAD_REQUEST, "an update has no payload");
        const parameters = parseUpdate(this.#queryOf(request));
        const grant = await this.#check(find(directory, id), request);
        grant(() => directory.update(this.#now(), id, parameters, this.#registrantOf(request.peer)));
      },
      delete: async (request) => {
        const id = idOf(request.params);
        const grant = await this.#check(find(directory, id), request);
        grant(() => directory.remove(id));
      },
    });
  }

  /** RFC 9176 5.1: an empty POST; the links are fetched from whom it came from. */
  #mountSimpleRegistration(): void {
    this.#server.resource(WELL_KNOWN_CORE, { post: (request) => this.#registerSimply(request) });
  }

  async #registerSimply(request: ServerRequest): Promise<Reply> {
    const { discover } = this.#options;
    if (this.#isClosed) throw new CoapError(Code.METHOD_NOT_ALLOWED);
    if (discover === undefined) throw new CoapError(Code.NOT_IMPLEMENTED, "simple registration is not offered");
    const parameters = parseRegistration(this.#queryOf(request));
    if (parameters.base !== undefined) throw new CoapError(Code.BAD_REQUEST, "simple registration has no base");
    await this.#check(this.#directory.findByName(parameters.ep, parameters.d), request, parameters.ep);
    const registrant = this.#registrantOf(request.peer);
    // RFC 9176 5.1: not over a connection, which would need a base.
    if (registrant.source === undefined)
      throw new CoapError(Code.BAD_REQUEST, "simple registration goes over datagrams");
    const items = await discover(registrant.source).catch((cause: unknown) => {
      throw new CoapError(Code.BAD_GATEWAY, "the endpoint does not show its links", { cause });
    });
    // Somebody else may have taken the name meanwhile.
    const known = this.#directory.findByName(parameters.ep, parameters.d);
    const grant = await this.#check(known, request, parameters.ep);
    grant(() => this.#directory.register(this.#now(), parameters, registrant, items, false));
    return changed();
  }

  #mountLookups(path: string): Resource[] {
    const lookUp = (kind: typeof lookUpEndpoints) => (request: ServerRequest) =>
      links(kind(this.#now(), this.#directory, parseLookup(request.query, zoneOf(request.peer))));
    // RFC 9176 6.2: a notification each time the matching links change.
    const shared = { isObservable: true, onlyNotifiesChanges: true, hasContentEtag: true };
    return [
      this.#server.resource(`${path}/ep`, {
        ...shared,
        attributes: { rt: "core.rd-lookup-ep", ct: Format.LINKS },
        get: lookUp(lookUpEndpoints),
      }),
      this.#server.resource(`${path}/res`, {
        ...shared,
        attributes: { rt: "core.rd-lookup-res", ct: Format.LINKS },
        get: lookUp(lookUpResources),
      }),
    ];
  }

  #queryOf({ query }: ServerRequest): UriQuery {
    const { policyArguments = [] } = this.#options;
    return new UriQuery(query.arguments.filter((argument) => !policyArguments.includes(argument.split("=")[0] ?? "")));
  }

  async #check(
    registration: Registration | undefined,
    request: ServerRequest,
    ep = registration?.ep ?? "",
  ): Promise<DirectoryGrant> {
    const verdict = (await this.#options.allow?.(registration, request, ep)) ?? true;
    if (verdict === false) throw new CoapError(Code.FORBIDDEN, "this endpoint is registered by another");
    return verdict === true ? (change) => change() : verdict;
  }

  #registrantOf(peer: Peer): Registrant {
    const { scheme = "coap" } = this.#options;
    const address = addressOf(peer);
    const zone = zoneOf(peer);
    // RFC 9176 5: scheme, address literal and port, no zone.
    const authority =
      peer.port === coapSchemes.coap.defaultPort ? formatHost(address) : `${formatHost(address)}:${peer.port}`;
    // Over a connection that the registrant opened nobody else reaches it.
    const source = peer.isReliable ? undefined : `${scheme}://${authority}`;
    return { source, address, ...(zone !== undefined && { zone }) };
  }
}

/** What the pattern captured of a registration's path, which TypeScript cannot read from a path made at run time. */
function idOf(params: Readonly<Record<string, string | readonly string[]>>): string {
  return String(params["id"]);
}

function find(directory: ResourceDirectory, id: string): Registration {
  const registration = directory.find(id);
  if (registration === undefined) throw new CoapError(Code.NOT_FOUND, "there is no such registration");
  return registration;
}

/** RFC 9176 5: the payload is in link format, said or not. */
function linksOf(request: ServerRequest): readonly Link[] {
  if (request.payload.length === 0) return [];
  if (request.contentFormat === undefined) throw new CoapError(Code.BAD_REQUEST, "the payload has no Content-Format");
  // What the codec of the one format gives that the resource accepts.
  return request.body() as readonly Link[];
}

function addressOf({ address }: Peer): string {
  const [plain = address] = address.split("%");
  // What a socket of both families calls an IPv4 address.
  return plain.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}

function zoneOf({ address }: Peer): string | undefined {
  return address.split("%")[1];
}
