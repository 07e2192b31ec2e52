import type { MacFrame } from "../wire/mac/frame.js";
import { BROADCAST_PAN, equalLinkAddresses, isBroadcast, type LinkAddress } from "../wire/mac/link-address.js";

/** The filter of IEEE 802.15.4-2015 6.7.2: our PAN or any, our address or everyone's. */
export function isFrameForUs(
  { type, destination, destinationPanId }: MacFrame,
  panId: number,
  extendedAddress: LinkAddress,
  shortAddress: LinkAddress | undefined,
): boolean {
  const isOurPan = destinationPanId === undefined || destinationPanId === panId || destinationPanId === BROADCAST_PAN;
  // A node of the broadcast PAN hears all PANs.
  if (!isOurPan && panId !== BROADCAST_PAN) return false;
  // Beacons and some commands are for whoever hears them.
  if (destination === undefined) return type !== "data";
  if (isBroadcast(destination) || equalLinkAddresses(destination, extendedAddress)) return true;
  return equalLinkAddresses(destination, shortAddress);
}
