import {
  asArray,
  asBytes,
  asMap,
  asText,
  asUnsigned,
  CborError,
  type CborValue,
  decodeCbor,
  encodeCbor,
} from "../envelope/cbor.js";
import type { SuiteMaster } from "../suites/suite.js";

/** All that an authority is: what its export holds. */
export interface AuthorityState {
  readonly name: string;
  /** Ed25519 and X25519 private keys, 32 bytes each. */
  readonly signingSecret: Uint8Array;
  readonly exchangeSecret: Uint8Array;
  /** Unix seconds. */
  readonly createdAt: number;
  /** Counts signed bundles. */
  serial: number;
  /** Suite name to master secrets. */
  readonly masters: Map<string, SuiteMaster>;
  /** Device id in hexadecimal to record. */
  readonly devices: Map<string, DeviceRecord>;
  /** Token in hexadecimal to what its bearer will get. */
  readonly invitations: Map<string, PendingInvitation>;
}

/** What a device may do, as the authority's owner writes it. */
export interface DeviceGrant {
  /** Topic filters it may read (`kp-abe`, `psk-tree`, `hpke`; `psk` when there is any). Default none. */
  readonly subscribe?: readonly string[];
  /** Topic filters it may publish to. Default none. */
  readonly publish?: readonly string[];
  /** What it is, for `cp-abe`: roles, and integers such as `["floor", 3]`. Default none. */
  readonly attributes?: readonly (string | readonly [name: string, value: number])[];
  /** Days until keys and certificate expire, at the end of that UTC day. Default 30. */
  readonly lifetimeDays?: number;
  /**
   * Whether keys open only what is sealed from the hour of enrolment on. Default false: from the year of setup, so
   * that a late joiner reads retained messages.
   */
  readonly isForwardOnly?: boolean;
}

export interface DeviceRecord {
  readonly name: string;
  readonly signingKey: Uint8Array;
  readonly exchangeKey: Uint8Array;
  readonly grant: DeviceGrant;
  /** When it was first enrolled, Unix seconds. */
  readonly enrolledAt: number;
  readonly isRevoked: boolean;
}

export interface PendingInvitation {
  readonly name: string;
  readonly grant: DeviceGrant;
  /** Unix seconds. */
  readonly expires: number;
}

const VERSION = 1;
const LIMITS = { items: 5_000_000, depth: 12 };

export function encodeState(state: AuthorityState): Uint8Array {
  return encodeCbor([
    VERSION,
    state.name,
    state.signingSecret,
    state.exchangeSecret,
    state.createdAt,
    state.serial,
    [...state.masters].map(([name, { generation, secret, parameters }]): CborValue => [
      name,
      generation,
      secret,
      parameters,
    ]),
    [...state.devices.values()].map((d): CborValue => [
      d.name,
      d.signingKey,
      d.exchangeKey,
      encodeGrant(d.grant),
      d.enrolledAt,
      d.isRevoked,
    ]),
    [...state.invitations].map(([token, { name, grant, expires }]): CborValue => [
      token,
      name,
      encodeGrant(grant),
      expires,
    ]),
  ]);
}

/** @throws CborError for anything else. @param idOf the id of a device by its signing key, in hexadecimal. */
export function decodeState(bytes: Uint8Array, idOf: (signingKey: Uint8Array) => string): AuthorityState {
  const [version, name, signingSecret, exchangeSecret, createdAt, serial, masters, devices, invitations] = asArray(
    decodeCbor(bytes, LIMITS),
    9,
  );
  if (version !== VERSION) throw new CborError("an authority of another version");
  return {
    name: asText(name),
    signingSecret: asBytes(signingSecret, 32),
    exchangeSecret: asBytes(exchangeSecret, 32),
    createdAt: asUnsigned(createdAt),
    serial: asUnsigned(serial),
    masters: new Map(
      asArray(masters).map((item) => {
        const [suite, generation, secret, parameters] = asArray(item, 4);
        const master = { generation: asUnsigned(generation), secret: asBytes(secret), parameters: asBytes(parameters) };
        return [asText(suite), master];
      }),
    ),
    devices: new Map(
      asArray(devices)
        .map(decodeDevice)
        .map((device) => [idOf(device.signingKey), device]),
    ),
    invitations: new Map(
      asArray(invitations).map((item) => {
        const [token, invited, grant, expires] = asArray(item, 4);
        return [asText(token), { name: asText(invited), grant: decodeGrant(grant), expires: asUnsigned(expires) }];
      }),
    ),
  };
}

function decodeDevice(item: CborValue): DeviceRecord {
  const [name, signingKey, exchangeKey, grant, enrolledAt, isRevoked] = asArray(item, 6);
  return {
    name: asText(name),
    signingKey: asBytes(signingKey, 32),
    exchangeKey: asBytes(exchangeKey, 32),
    grant: decodeGrant(grant),
    enrolledAt: asUnsigned(enrolledAt),
    isRevoked: isRevoked === true,
  };
}

function encodeGrant({
  subscribe = [],
  publish = [],
  attributes = [],
  lifetimeDays = DEFAULT_LIFETIME_DAYS,
  isForwardOnly = false,
}: DeviceGrant): CborValue {
  return new Map<string, CborValue>([
    ["subscribe", subscribe],
    ["publish", publish],
    ["attributes", attributes],
    ["lifetimeDays", lifetimeDays],
    ["isForwardOnly", isForwardOnly],
  ]);
}

function decodeGrant(item: CborValue | undefined): DeviceGrant {
  const grant = asMap(item);
  return {
    subscribe: asArray(grant.get("subscribe")).map(asText),
    publish: asArray(grant.get("publish")).map(asText),
    attributes: asArray(grant.get("attributes")).map((attribute) => {
      if (typeof attribute === "string") return attribute;
      const [name, value] = asArray(attribute, 2);
      return [asText(name), asUnsigned(value)] as const;
    }),
    lifetimeDays: asUnsigned(grant.get("lifetimeDays")),
    isForwardOnly: grant.get("isForwardOnly") === true,
  };
}

export const DEFAULT_LIFETIME_DAYS = 30;
