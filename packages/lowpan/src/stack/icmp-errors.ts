import { byteAt } from "@isthmus/bytes";
import type { Instant } from "@isthmus/machine";
import { isMulticast, isUnspecified } from "../wire/ip/address.js";
import type { ErrorMessage } from "../wire/ip/icmpv6.js";
import { IPV6_HEADER_LENGTH, IPV6_MINIMUM_MTU, NEXT_HEADER } from "../wire/ip/ipv6.js";

/** Errors that may be sent in a burst, and each second after that (RFC 4443 2.4 f). */
const BURST = 10;
const PER_SECOND = 10;
/** IPv6 and ICMPv6 header, and the four octets before the packet. */
const OVERHEAD = IPV6_HEADER_LENGTH + 8;
/** ICMPv6 types below this are errors. */
const FIRST_INFORMATIONAL = 128;

/** Decides which mistakes are told to the source of a packet, and how many of them. */
export class IcmpErrors {
  #tokens = BURST;
  #filledAt: Instant = 0;

  /**
   * The error message about `packet`; undefined when it must not be sent: about errors, multicasts, packets without a
   * source (RFC 4443 2.4 e), or one too many.
   */
  about(
    now: Instant,
    packet: Uint8Array,
    error: { readonly type: ErrorMessage["type"]; readonly code: number; readonly value?: number },
  ): ErrorMessage | undefined {
    const source = packet.subarray(8, 24);
    const destination = packet.subarray(24, 40);
    if (isMulticast(destination) || isMulticast(source) || isUnspecified(source) || isError(packet)) return undefined;
    if (!this.#takeToken(now)) return undefined;
    return {
      type: error.type,
      code: error.code,
      value: error.value ?? 0,
      // RFC 4443 2.4 c: as much as fits the minimum MTU.
      packet: packet.slice(0, IPV6_MINIMUM_MTU - OVERHEAD),
    };
  }

  #takeToken(now: Instant): boolean {
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#filledAt) / 1_000) * PER_SECOND);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

function isError(packet: Uint8Array): boolean {
  return (
    byteAt(packet, 6) === NEXT_HEADER.icmpv6 &&
    packet.length > IPV6_HEADER_LENGTH &&
    byteAt(packet, IPV6_HEADER_LENGTH) < FIRST_INFORMATIONAL
  );
}
