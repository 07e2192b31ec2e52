import { byteAt } from "@isthmus/bytes";
import { requireBytes } from "../wire-error.js";
import type { LinkAddress } from "./link-address.js";

/**
 * The payload of a 2003 or 2006 beacon (IEEE 802.15.4-2015 7.3.1). Enhanced beacons carry information elements instead.
 *
 * ```text
 * +-----------------+----------+------------+----------+---------+-------------------+----------------+
 * | Superframe: 2   | GTS      | GTS        | GTS list | Pending | Pending addresses | Beacon payload |
 * |                 | count: 1 | directions |  3 each  | counts  |  2 and 8 each     |                |
 * +-----------------+----------+------------+----------+---------+-------------------+----------------+
 *
 * Superframe, from the least significant bit:
 *   0 .. 3   4 .. 7       8 .. 11    12        13    14         15
 *  beacon   superframe   final CAP  battery   res.  PAN        association
 *  order    order        slot       life ext.       coord.     permitted
 * ```
 */
export interface Beacon {
  readonly beaconOrder: number;
  readonly superframeOrder: number;
  readonly finalCapSlot: number;
  readonly isBatteryLifeExtended: boolean;
  readonly isPanCoordinator: boolean;
  readonly isAssociationPermitted: boolean;
  readonly isGtsPermitted: boolean;
  readonly gtsDescriptors: readonly GtsDescriptor[];
  readonly pendingAddresses: readonly LinkAddress[];
  readonly payload: Uint8Array;
}

/** One guaranteed time slot. */
export interface GtsDescriptor {
  readonly device: LinkAddress;
  readonly startingSlot: number;
  readonly length: number;
  /** Whether the device receives in it; otherwise it sends. */
  readonly isReceiveOnly: boolean;
}

const GTS_DESCRIPTOR_LENGTH = 3;
const MAX_PENDING = 7;

/** The beacon in a beacon frame's payload. @throws WireError. */
export function decodeBeacon(payload: Uint8Array): Beacon {
  const end = payload.length;
  requireBytes(0, 3, end, "a beacon");
  const superframe = byteAt(payload, 0) | (byteAt(payload, 1) << 8);
  const gtsSpecification = byteAt(payload, 2);
  const gtsCount = gtsSpecification & 7;
  const directionsLength = gtsCount === 0 ? 0 : 1;
  const gtsAt = 3 + directionsLength;
  const pendingAt = gtsAt + gtsCount * GTS_DESCRIPTOR_LENGTH;
  requireBytes(3, pendingAt + 1 - 3, end, "the guaranteed time slots of a beacon");
  const directions = directionsLength === 0 ? 0 : byteAt(payload, 3);
  const shortCount = byteAt(payload, pendingAt) & 7;
  const extendedCount = (byteAt(payload, pendingAt) >>> 4) & 7;
  const payloadAt = pendingAt + 1 + 2 * shortCount + 8 * extendedCount;
  requireBytes(pendingAt, payloadAt - pendingAt, end, "the pending addresses of a beacon");
  return {
    beaconOrder: superframe & 0xf,
    superframeOrder: (superframe >>> 4) & 0xf,
    finalCapSlot: (superframe >>> 8) & 0xf,
    isBatteryLifeExtended: (superframe & 0x1000) !== 0,
    isPanCoordinator: (superframe & 0x4000) !== 0,
    isAssociationPermitted: (superframe & 0x8000) !== 0,
    isGtsPermitted: (gtsSpecification & 0x80) !== 0,
    gtsDescriptors: Array.from({ length: gtsCount }, (_, i) => {
      const at = gtsAt + i * GTS_DESCRIPTOR_LENGTH;
      return {
        device: reversed(payload, at, 2),
        startingSlot: byteAt(payload, at + 2) & 0xf,
        length: byteAt(payload, at + 2) >>> 4,
        isReceiveOnly: ((directions >>> i) & 1) !== 0,
      };
    }),
    pendingAddresses: pendingAddresses(payload, pendingAt + 1, shortCount, extendedCount),
    payload: payload.subarray(payloadAt),
  };
}

function pendingAddresses(payload: Uint8Array, at: number, shortCount: number, extendedCount: number): LinkAddress[] {
  const addresses: LinkAddress[] = [];
  for (let i = 0; i < shortCount; i++) addresses.push(reversed(payload, at + 2 * i, 2));
  at += 2 * shortCount;
  for (let i = 0; i < extendedCount; i++) addresses.push(reversed(payload, at + 8 * i, 8));
  return addresses;
}

/** The payload of a beacon frame. @throws RangeError for more slots or addresses than a beacon can list. */
export function encodeBeacon(beacon: Beacon): Uint8Array {
  const { gtsDescriptors, payload } = beacon;
  const shorts = beacon.pendingAddresses.filter((address) => address.length === 2);
  const extendeds = beacon.pendingAddresses.filter((address) => address.length === 8);
  if (gtsDescriptors.length > 7 || shorts.length + extendeds.length > MAX_PENDING) {
    throw new RangeError("a beacon lists at most 7 time slots and 7 pending addresses");
  }
  const octets: number[] = [
    beacon.beaconOrder | (beacon.superframeOrder << 4),
    beacon.finalCapSlot |
      (beacon.isBatteryLifeExtended ? 0x10 : 0) |
      (beacon.isPanCoordinator ? 0x40 : 0) |
      (beacon.isAssociationPermitted ? 0x80 : 0),
    gtsDescriptors.length | (beacon.isGtsPermitted ? 0x80 : 0),
  ];
  if (gtsDescriptors.length > 0) {
    octets.push(gtsDescriptors.reduce((bits, { isReceiveOnly }, i) => bits | (isReceiveOnly ? 1 << i : 0), 0));
  }
  for (const { device, startingSlot, length } of gtsDescriptors) {
    octets.push(...device.toReversed(), startingSlot | (length << 4));
  }
  octets.push(shorts.length | (extendeds.length << 4));
  for (const address of [...shorts, ...extendeds]) octets.push(...address.toReversed());
  return Uint8Array.of(...octets, ...payload);
}

function reversed(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return bytes.subarray(at, at + length).toReversed();
}
