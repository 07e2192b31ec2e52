import type { Instant } from "@isthmus/machine";
import { isMulticastAddress } from "../codec/ip-address.js";
import { Options } from "../codec/options.js";
import { coapUriToOptions } from "../codec/uri.js";
import { type OutgoingRequest, RequestError, type ResponseHandler } from "../endpoint/outgoing.js";
import type { Connector } from "../client/connector.js";
import type { ProxyTarget } from "./proxy-target.js";

/** What a proxy sends on: no option of it says where to. */
export interface UpstreamRequest {
  readonly code: number;
  readonly options: Options;
  readonly payload: Uint8Array;
}

/** The side of a proxy that asks the servers. */
export interface Upstream {
  /** Whether it speaks the scheme of `target`. */
  canReach(target: ProxyTarget): boolean;
  /**
   * Asks for `target`; with Observe 0 the handler hears of each change.
   *
   * @returns a way to give up, after which the handler hears nothing that matters.
   */
  send(now: Instant, target: ProxyTarget, request: UpstreamRequest, handler: ResponseHandler): UpstreamExchange;
}

/** A request to a server that is under way. */
export interface UpstreamExchange {
  cancel(now: Instant): void;
}

/** Servers that speak CoAP, reached as `connector` does. */
export function coapUpstream(connector: Connector): Upstream {
  return {
    canReach: ({ coap }) => coap !== undefined,
    send: (now, target, request, handler) => new CoapExchange(now, connector, target, request, handler),
  };
}

class CoapExchange implements UpstreamExchange {
  #outgoing: OutgoingRequest | undefined;
  #isCancelled = false;

  constructor(
    now: Instant,
    connector: Connector,
    target: ProxyTarget,
    request: UpstreamRequest,
    handler: ResponseHandler,
  ) {
    this.#send(connector, target, request, handler).catch((cause: unknown) =>
      handler.handleEnd(now, new RequestError("unreachable", `no way to ${target.host}`, { cause })),
    );
  }

  cancel(now: Instant): void {
    this.#isCancelled = true;
    this.#outgoing?.cancel(now);
  }

  async #send(
    connector: Connector,
    { coap }: ProxyTarget,
    request: UpstreamRequest,
    handler: ResponseHandler,
  ): Promise<void> {
    if (coap === undefined) throw new TypeError("it is no URI of CoAP");
    const { transport, address } = await connector.connect(coap);
    // The name of the host may lead to a group; the policy has only seen the name.
    if (isMulticastAddress(address.address)) throw new Error(`${coap.host} is a multicast group`);
    if (this.#isCancelled) return;
    const { code, payload } = request;
    const options = Options.of(...coapUriToOptions(coap, address), ...request.options);
    this.#outgoing = transport.endpoint.request(transport.now(), address, { code, options, payload }, handler);
  }
}
