import type { Instant } from "@isthmus/machine";
import { DatagramEndpoint } from "../endpoint/datagram-endpoint.js";
import type { Address } from "../endpoint/endpoint.js";
import type { DatagramEndpointOptions } from "../endpoint/endpoint-options.js";
import { clockNow } from "./clock.js";
import { StrongRandom } from "./strong-random.js";
import type { Transport } from "./transport.js";
import { WakeTimer } from "./wake-timer.js";

/** CoAP over datagrams that something else than a UDP socket of this machine carries. */
export interface CarriedDatagrams extends Transport {
  readonly endpoint: DatagramEndpoint;
  /** Takes in a datagram. @param isMulticast whether it was sent to a group. */
  receive(bytes: Uint8Array, from: Address, isMulticast?: boolean): void;
}

/**
 * A transport whose datagrams go out by `send`, as those of a user-space network stack.
 *
 * @example
 * const transport = carryDatagrams((bytes, to) => stack.sendUdp(5683, to, bytes), { handler: server });
 * stack.onDatagram = (bytes, from) => transport.receive(bytes, from);
 */
export function carryDatagrams(
  send: (bytes: Uint8Array, to: Address) => void,
  options: Omit<DatagramEndpointOptions, "random"> = {},
): CarriedDatagrams {
  const timer = new WakeTimer((now) => endpoint.handleTimeout(now));
  const endpoint = new DatagramEndpoint(
    { ...options, random: new StrongRandom() },
    { transmit: (bytes, to) => send(bytes, to), wake: (deadline) => timer.wake(deadline) },
  );
  return {
    scheme: "coap",
    endpoint,
    now: (): Instant => clockNow(),
    receive: (bytes, from, isMulticast = false) => endpoint.receive(clockNow(), bytes, from, isMulticast),
    close: async () => {
      timer.stop();
      endpoint.close(clockNow());
    },
  };
}
