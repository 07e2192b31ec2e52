import {
  Code,
  CoapClient,
  CoapError,
  type CoapServer,
  type DirectoryListener,
  type DirectoryPolicy,
  firstComeFirstRemembered,
  isInRange,
  parseCoapUri,
  parseIpRange,
  type Registration,
  ResourceDirectory,
  serveDirectory,
  type ServedDirectory,
} from "@isthmus/coap";
import { clockNow, type UdpTransport } from "@isthmus/coap/transport-node";
import type { Identity } from "../access/access.js";
import { CALLER_ARGUMENTS, identifyPeer } from "../doors/coap/coap-caller.js";
import type { CoapRoute } from "../doors/coap/coap-door.js";
import { toCoapError } from "../doors/coap/coap-refusal.js";
import { TopicSpace } from "../doors/requests/topic-space.js";
import type { HubContext, HubPart } from "../hub-context.js";
import { Publisher } from "../publisher.js";
import { DeviceConnector } from "./device-connector.js";
import { DeviceProxy } from "./device-proxy.js";
import { MIRROR_DEFAULTS, type MirrorOptions } from "./mirror-options.js";
import { type DeviceContext, MirroredDevice } from "./mirrored-device.js";
import { RegistrationTable } from "./registration-table.js";
import { TopicMapping } from "./topic-mapping.js";

/** The door that the mirror is part of. */
export interface MirrorDoor {
  readonly server: CoapServer;
  /** Its UDP socket, once it is open. */
  readonly udp: UdpTransport | undefined;
  readonly routes: readonly CoapRoute[];
}

/**
 * Devices appear by themselves: what registers with the hub's resource directory (RFC 9176) is observed and becomes topics,
 * and can be asked through the hub.
 */
export class Mirror implements HubPart, DirectoryListener {
  readonly directory: ResourceDirectory;
  readonly #hub: HubContext;
  readonly #options: Required<MirrorOptions>;
  readonly #door: MirrorDoor;
  readonly #mapping: TopicMapping;
  readonly #topics: TopicSpace;
  readonly #table: RegistrationTable;
  readonly #deviceByRegistration = new Map<Registration, { readonly device: MirroredDevice; readonly state: string }>();
  /** Who registered what is registered now. */
  readonly #identityByName = new Map<string, Identity>();
  /** Who makes the change that the directory tells of; undefined while nobody makes one. */
  #registering: Identity | undefined;
  #connector: DeviceConnector | undefined;
  #client: CoapClient | undefined;
  #proxy: DeviceProxy | undefined;
  #served: ServedDirectory | undefined;
  #devices: DeviceContext | undefined;
  readonly #maxTopicLevels: number;

  /** @param maxTopicLevels levels of a topic at the most. */
  constructor(hub: HubContext, door: MirrorDoor, maxTopicLevels: number, options: MirrorOptions = {}) {
    this.#hub = hub;
    this.#door = door;
    this.#maxTopicLevels = maxTopicLevels;
    this.#options = { ...MIRROR_DEFAULTS, ...options };
    this.#mapping = new TopicMapping(this.#options.prefix, this.#options.rules);
    this.#topics = new TopicSpace(hub, maxTopicLevels);
    this.#table = new RegistrationTable(hub.exchange.store);
    this.directory = new ResourceDirectory({ maxRegistrations: this.#options.maxDevices });
  }

  /** Devices that are registered now. */
  get deviceCount(): number {
    return this.#deviceByRegistration.size;
  }

  async open(): Promise<void> {
    const hub = this.#hub;
    const mapping = this.#mapping;
    const { maxResources, maxValueBytes } = this.#options;
    const connector = new DeviceConnector(this.#door.udp, this.#door.routes);
    const client = new CoapClient({ connector });
    this.#connector = connector;
    this.#client = client;
    const handleChanged = (uri: string): void => this.#proxy?.expire(uri);
    this.#devices = { hub, publisher: new Publisher(hub, maxValueBytes), client, mapping, maxResources, handleChanged };
    this.#proxy = new DeviceProxy({
      hub,
      connector,
      mapping,
      maxTopicLevels: this.#maxTopicLevels,
      baseOf: (endpoint) => this.#baseOfEndpoint(endpoint),
    });
    this.directory.addListener(this);
    this.#served = serveDirectory(this.#door.server, this.directory, {
      allow: this.#mayRegister,
      policyArguments: CALLER_ARGUMENTS,
      discover: (base) => client.discover(base),
    });
    this.#door.server.mount("/", this.#proxy);
    this.#restore();
  }

  async close(): Promise<void> {
    this.#served?.close();
    this.#proxy?.close();
    for (const { device } of this.#deviceByRegistration.values()) device.stop();
    this.#deviceByRegistration.clear();
    await this.#client?.close();
    await this.#connector?.close();
  }

  handleRegistered(registration: Registration): void {
    const identity = this.#registering ?? this.#identityOf(registration);
    this.#identityByName.set(nameOf(registration), identity);
    this.#table.put({ record: registration.record, expiresAt: this.#epochOf(registration.expiresAt), identity });
    this.#hub.flushScheduler.arm();
    const base = this.#baseOf(registration);
    const state = JSON.stringify([base, registration.links]);
    const known = this.#deviceByRegistration.get(registration);
    if (known?.state === state) {
      void known.device.tell("$online", "true");
      return;
    }
    known?.device.stop();
    if (base === undefined || this.#devices === undefined) return;
    const device = new MirroredDevice(this.#devices, registration, base, identity);
    this.#deviceByRegistration.set(registration, { device, state });
    device.start();
    this.#hub.log.info({ endpoint: registration.ep, base, topics: device.topics.length }, "device registered");
  }

  handleGone(registration: Registration): void {
    this.#table.delete(registration.id);
    this.#identityByName.delete(nameOf(registration));
    this.#hub.flushScheduler.arm();
    const device = this.#deviceByRegistration.get(registration)?.device;
    if (device === undefined) return;
    this.#deviceByRegistration.delete(registration);
    device.stop();
    void device.tell("$online", "false");
    this.#hub.log.info({ endpoint: registration.ep }, "device gone");
  }

  /** Who may publish as the device may register it; without users, who has its address may change it (RFC 9176 7.5). */
  readonly #mayRegister: DirectoryPolicy = async (registration, request, ep) => {
    try {
      const { identity } = await identifyPeer(this.#hub, request);
      this.#topics.checkWritable(identity, this.#mapping.statusTopicOf(ep, "$online"));
      const d = registration === undefined ? request.query.get("d") : registration.d;
      const isOwn = (): boolean => {
        const owner = this.#identityByName.get(nameKey(ep, d));
        if (owner?.user !== undefined) return owner.user === identity.user;
        return firstComeFirstRemembered(this.directory.findByName(ep, d), request, ep) === true;
      };
      if (!isOwn()) return false;
      return (change) => {
        // Of two who ask for a name at the same time the first has it.
        if (!isOwn()) throw new CoapError(Code.FORBIDDEN, "this endpoint is registered by another");
        this.#registering = identity;
        try {
          return change();
        } finally {
          this.#registering = undefined;
        }
      };
    } catch (error) {
      throw toCoapError(error, Number.POSITIVE_INFINITY);
    }
  };

  #restore(): void {
    const { epoch } = this.#hub.clock.tick();
    for (const { record, expiresAt, identity } of this.#table.load()) {
      this.#identityByName.set(nameKey(record.parameters.ep, record.parameters.d), identity);
      // One that is over by now is told so: its topics still say that it is there.
      this.directory.restore(record, clockNow() + Math.max(0, expiresAt - epoch));
    }
  }

  #identityOf(registration: Registration): Identity {
    return this.#identityByName.get(nameOf(registration)) ?? { user: undefined };
  }

  #epochOf(instant: number): number {
    return this.#hub.clock.tick().epoch + instant - clockNow();
  }

  #baseOfEndpoint(endpoint: string): string | undefined {
    const registration = this.directory.findByName(endpoint);
    return registration === undefined || registration.isExpired ? undefined : this.#baseOf(registration);
  }

  /**
   * Where the device is asked; undefined where the hub must not go: a registration could let it knock at any address that
   * it can reach, and bring back the answer.
   */
  #baseOf(registration: Registration): string | undefined {
    const { registrant, base } = registration;
    const uri = parseBase(base);
    if (uri === undefined) return undefined;
    const isAllowed =
      uri.host === registrant.address || this.#options.allowedBases.some((range) => contains(range, uri.host));
    if (!isAllowed) {
      const reason = `${uri.host} is neither where it registered from nor an allowed base`;
      this.#hub.log.warn({ endpoint: registration.ep, base, reason }, "device not mirrored");
      return undefined;
    }
    const isZoned = registrant.zone !== undefined && registration.isLinkLocal;
    return isZoned ? base.replace("]", `%25${registrant.zone}]`) : base.replace(/\/+$/, "");
  }
}

function parseBase(base: string): { readonly host: string } | undefined {
  try {
    return parseCoapUri(base);
  } catch {
    // Of another protocol: it is in the directory for others.
    return undefined;
  }
}

function contains(range: string, host: string): boolean {
  return range.includes("/") ? isInRange(host, parseIpRange(range)) : range === host;
}

function nameOf({ ep, d }: Registration): string {
  return nameKey(ep, d);
}

/** Names have no control characters (RFC 9176 5). */
function nameKey(ep: string, d: string | undefined): string {
  return d === undefined ? ep : `${ep}\u0000${d}`;
}
