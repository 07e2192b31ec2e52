import { DeadlineQueue, type Instant, type Machine } from "@isthmus/machine";
import { Code } from "../codec/codes.js";
import type { Link } from "../media/link-format.js";
import { CoapError } from "../server/coap-error.js";
import { type Registrant, Registration, type RegistrationRecord } from "./registration.js";
import type { RegistrationParameters, UpdateParameters } from "./registration-parameters.js";

/** The bounds and ways of a directory. */
export interface DirectoryOptions {
  /** Path below which registrations are, as `/rd`. */
  readonly path?: string;
  /** Registrations at a time; more are refused 5.03. Default 10,000. */
  readonly maxRegistrations?: number;
  /** Links of one registration; more are refused 4.13. Default 1,000. */
  readonly maxLinks?: number;
  /** Links of all registrations: each lookup goes through all of them. More are refused 5.03. Default 20,000. */
  readonly maxTotalLinks?: number;
  /** Bytes of the links of one registration; more are refused 4.13. Default 65,536. */
  readonly maxRegistrationBytes?: number;
  /**
   * Milliseconds for which a registration that expired is kept out of sight, so that an update can bring it back
   * (RFC 9176 5.3). Default one hour.
   */
  readonly retentionMs?: number;
}

/** Told what comes and goes. */
export interface DirectoryListener {
  /** It is new, or its links, base or attributes changed. */
  handleRegistered(registration: Registration): void;
  /** It was removed, or its lifetime is over. */
  handleGone(registration: Registration): void;
}

/** Endpoints and what they have, for as long as they say (RFC 9176). Sans-I/O. */
export class ResourceDirectory implements Machine {
  readonly path: string;
  readonly #options: DirectoryOptions;
  readonly #listeners = new Set<DirectoryListener>();
  readonly #registrationById = new Map<string, Registration>();
  readonly #idByName = new Map<string, string>();
  /** When registrations expire, and once they did, when they are forgotten. */
  readonly #deadlines = new DeadlineQueue<Registration>();
  #nextId = 1;
  /** Of all registrations. */
  #linkCount = 0;

  constructor(options: DirectoryOptions = {}) {
    this.path = options.path ?? "/rd";
    this.#options = options;
  }

  /** Bytes that the links of a registration may take. */
  get maxRegistrationBytes(): number {
    return this.#options.maxRegistrationBytes ?? 65_536;
  }

  /** Registrations that are kept, those that expired among them. */
  get size(): number {
    return this.#registrationById.size;
  }

  addListener(listener: DirectoryListener): void {
    this.#listeners.add(listener);
  }

  removeListener(listener: DirectoryListener): void {
    this.#listeners.delete(listener);
  }

  /** Those that are alive, in the order in which they first came. */
  *registrations(now: Instant): Generator<Registration> {
    for (const registration of this.#registrationById.values()) {
      if (registration.expiresAt > now) yield registration;
    }
  }

  /** The registration with this id, though it may have expired. */
  find(id: string): Registration | undefined {
    return this.#registrationById.get(id);
  }

  /** The registration of an endpoint name in a sector, though it may have expired. */
  findByName(ep: string, d?: string): Registration | undefined {
    const id = this.#idByName.get(nameKey(ep, d));
    return id === undefined ? undefined : this.#registrationById.get(id);
  }

  /** Where a registration is updated and removed. */
  locationOf({ id }: Registration): string {
    return `${this.path}/${id}`;
  }

  /**
   * Takes an endpoint in, or anew under the name that it has (RFC 9176 5).
   *
   * @param isRetained whether an update may bring it back after it expired; not after simple registration (RFC 9176 5.1).
   * @throws CoapError with 4.00 when there is no base, 4.13 for too many links, 5.03 when the directory is full.
   */
  register(
    now: Instant,
    parameters: RegistrationParameters,
    registrant: Registrant,
    links: readonly Link[],
    isRetained = true,
  ): Registration {
    const { maxLinks = 1_000, maxTotalLinks = 20_000 } = this.#options;
    if (links.length > maxLinks) throw new CoapError(Code.REQUEST_ENTITY_TOO_LARGE, `more than ${maxLinks} links`);
    // RFC 9176 5: without an address that can be asked, the base is not optional.
    if ((parameters.base ?? registrant.source) === undefined)
      throw new CoapError(Code.BAD_REQUEST, "the base is missing");
    const known = this.findByName(parameters.ep, parameters.d);
    if (this.#linkCount - (known?.links.length ?? 0) + links.length > maxTotalLinks) throw directoryFull();
    const registration = known ?? this.#add(parameters, registrant);
    this.#replace(registration, parameters, registrant, links);
    registration.isRetained = isRetained;
    this.#renew(now, registration);
    for (const listener of this.#listeners) listener.handleRegistered(registration);
    return registration;
  }

  /**
   * Puts back what was kept from an earlier run, under the location that its endpoint knows. Listeners are told.
   *
   * @throws RangeError when the id is not one that a directory gives, or taken.
   */
  restore(record: RegistrationRecord, expiresAt: Instant): Registration {
    const { id, parameters, registrant, links, isRetained } = record;
    if (!/^[1-9]\d{0,14}$/.test(id) || this.#registrationById.has(id))
      throw new RangeError(`the id "${id}" cannot be used`);
    const registration = this.#insert(id, parameters, registrant);
    this.#nextId = Math.max(this.#nextId, Number(id) + 1);
    this.#replace(registration, parameters, registrant, links);
    registration.isRetained = isRetained;
    registration.expiresAt = expiresAt;
    registration.timer = this.#deadlines.add(registration, expiresAt);
    for (const listener of this.#listeners) listener.handleRegistered(registration);
    return registration;
  }

  /** Renews a registration, and changes what `parameters` name. @throws CoapError with 4.04 when there is none. */
  update(now: Instant, id: string, parameters: UpdateParameters, registrant: Registrant): void {
    const registration = this.#get(id);
    const wasAlive = !registration.isExpired;
    const isChanged = registration.update(parameters, registrant);
    this.#renew(now, registration);
    if (wasAlive && !isChanged) return;
    for (const listener of this.#listeners) listener.handleRegistered(registration);
  }

  /** @throws CoapError with 4.04 when there is none. */
  remove(id: string): void {
    const registration = this.#get(id);
    const wasAlive = !registration.isExpired;
    this.#forget(registration);
    if (wasAlive) this.#tellGone(registration);
  }

  nextDeadline(): Instant {
    return this.#deadlines.nextDeadline();
  }

  handleTimeout(now: Instant): void {
    for (;;) {
      const registration = this.#deadlines.takeDue(now);
      if (registration === undefined) return;
      registration.timer = undefined;
      if (registration.isExpired) this.#forget(registration);
      else this.#expire(registration);
    }
  }

  #add(parameters: RegistrationParameters, registrant: Registrant): Registration {
    const { maxRegistrations = 10_000 } = this.#options;
    if (this.size >= maxRegistrations) throw directoryFull();
    return this.#insert(String(this.#nextId++), parameters, registrant);
  }

  #insert(id: string, parameters: RegistrationParameters, registrant: Registrant): Registration {
    const registration = new Registration(id, `${this.path}/${id}`, parameters, registrant);
    this.#registrationById.set(id, registration);
    this.#idByName.set(nameKey(parameters.ep, parameters.d), id);
    return registration;
  }

  #replace(
    registration: Registration,
    parameters: RegistrationParameters,
    registrant: Registrant,
    links: readonly Link[],
  ): void {
    this.#linkCount += links.length - registration.links.length;
    registration.replace(parameters, registrant, links);
  }

  #get(id: string): Registration {
    const registration = this.#registrationById.get(id);
    if (registration === undefined) throw new CoapError(Code.NOT_FOUND, "there is no such registration");
    return registration;
  }

  #renew(now: Instant, registration: Registration): void {
    if (registration.timer !== undefined) this.#deadlines.cancel(registration.timer);
    registration.isExpired = false;
    registration.expiresAt = now + registration.lifetimeS * 1_000;
    registration.timer = this.#deadlines.add(registration, registration.expiresAt);
  }

  /** Its lifetime is over: it is out of sight, and forgotten later. */
  #expire(registration: Registration): void {
    registration.isExpired = true;
    const retentionMs = registration.isRetained ? (this.#options.retentionMs ?? 3_600_000) : 0;
    registration.timer = this.#deadlines.add(registration, registration.expiresAt + retentionMs);
    this.#tellGone(registration);
  }

  #forget(registration: Registration): void {
    if (registration.timer !== undefined) this.#deadlines.cancel(registration.timer);
    registration.timer = undefined;
    this.#linkCount -= registration.links.length;
    this.#registrationById.delete(registration.id);
    this.#idByName.delete(nameKey(registration.ep, registration.d));
  }

  #tellGone(registration: Registration): void {
    for (const listener of this.#listeners) listener.handleGone(registration);
  }
}

/** A sector that is absent is another than one that is empty; names have no control characters. */
function nameKey(ep: string, d: string | undefined): string {
  return d === undefined ? ep : `${ep}\u0000${d}`;
}

function directoryFull(): CoapError {
  return new CoapError(Code.SERVICE_UNAVAILABLE, "the directory is full", { maxAge: 600 });
}
