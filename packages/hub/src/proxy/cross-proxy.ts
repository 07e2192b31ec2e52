import {
  createForwardProxy,
  HcProxy,
  type IncomingRequest,
  Media,
  Option,
  type ProxyTarget,
  Relay,
  type RequestHandler,
  ServerRequest,
} from "@isthmus/coap";
import { clockNow, hcRequestListener } from "@isthmus/coap/transport-node";
import type { RequestListener } from "node:http";
import type { Instant } from "@isthmus/machine";
import { CALLER_ARGUMENTS, identifyPeer } from "../doors/coap/coap-caller.js";
import { respondError } from "../doors/coap/respond-error.js";
import type { HubContext } from "../hub-context.js";
import { guardedCoapUpstream, guardedHttpUpstream } from "./guarded-upstream.js";
import { PROXY_DEFAULTS, type ProxyOptions } from "./proxy-options.js";
import { ProxyPolicy } from "./proxy-policy.js";

const COAP_SCHEMES = ["coap", "coap+tcp"];
const HTTP_SCHEMES = ["http", "https"];

/**
 * The hub as a proxy between CoAP and HTTP (RFC 7252 10, RFC 8075): `/hc/` for HTTP clients, Proxy-Uri and Proxy-Scheme for
 * CoAP clients, one cache for both.
 */
export class CrossProxy {
  /** Answers what is below `/hc/`. Who asks has been let in by then. */
  readonly handleHttp: RequestListener;
  readonly #hub: HubContext;
  readonly #relay: Relay;
  readonly #policies: readonly ProxyPolicy[];
  readonly #coapUpstream: ReturnType<typeof guardedCoapUpstream>;
  readonly #media = new Media();

  /** @throws TypeError for a rule that cannot be. */
  constructor(hub: HubContext, options: ProxyOptions) {
    const { toCoap, toHttp, maxBodyBytes, timeoutMs, maxExchanges } = { ...PROXY_DEFAULTS, ...options };
    const [coapPolicy, httpPolicy] = [new ProxyPolicy(toCoap, COAP_SCHEMES), new ProxyPolicy(toHttp, HTTP_SCHEMES)];
    this.#hub = hub;
    this.#policies = [coapPolicy, httpPolicy];
    this.#coapUpstream = guardedCoapUpstream(coapPolicy);
    const upstreams = [this.#coapUpstream, guardedHttpUpstream(httpPolicy, { timeoutMs, maxBodyBytes })];
    this.#relay = new Relay({ upstreams, maxExchanges });
    this.handleHttp = hcRequestListener(new HcProxy({ relay: this.#relay, allow: (target) => this.#allows(target) }), {
      maxBodyBytes,
    });
  }

  /** A handler that fetches what names a proxy's target, and passes on to `next` what does not. */
  inFrontOf(next: RequestHandler): RequestHandler {
    const proxy = createForwardProxy({
      relay: this.#relay,
      allow: (target) => this.#allows(target),
      ownArguments: CALLER_ARGUMENTS,
    });
    return {
      handleRequest: (now: Instant, request: IncomingRequest) => {
        const isForProxy = request.options.has(Option.PROXY_URI) || request.options.has(Option.PROXY_SCHEME);
        if (!isForProxy) next.handleRequest(now, request);
        else {
          this.#admit(request).then(
            () => proxy.handleRequest(clockNow(), request),
            (error: unknown) => respondError(this.#hub, request, error),
          );
        }
      },
    };
  }

  async close(): Promise<void> {
    this.#relay.close(clockNow());
    await this.#coapUpstream.close();
  }

  #allows(target: ProxyTarget): boolean {
    const isAllowed = this.#policies.some((policy) => policy.allows(target));
    if (!isAllowed)
      this.#hub.log.warn({ uri: target.uri, reason: "no rule of the proxy names it" }, "proxy request refused");
    return isAllowed;
  }

  /**
   * Whoever is let in at the door may use the proxy. With Proxy-Uri there is no room for a name: that is for where anonymous
   * clients are allowed, and Proxy-Scheme beside Uri-Query for the others.
   */
  async #admit(request: IncomingRequest): Promise<void> {
    await identifyPeer(this.#hub, new ServerRequest(request, undefined, this.#media));
  }
}
