export { type CodeMapping, codeMappings, codeOfHttpStatus, formatCodeMappings, httpStatusOf } from "./code-mapping.js";
export {
  below,
  createForwardProxy,
  createReverseProxy,
  type ForwardProxyOptions,
  type ReverseProxyOptions,
} from "./coap-proxy.js";
export { HcProxy, type HcProxyOptions, type HttpRequest, type HttpResponse } from "./hc-proxy.js";
export { HcTemplate } from "./hc-template.js";
export { httpUpstream, type HttpUpstreamOptions } from "./http-upstream.js";
export {
  acceptOfHttp,
  contentFormatOfHttp,
  type HttpMedia,
  httpMediaOf,
  looseMediaTypes,
  type MediaGeneralization,
} from "./media-mapping.js";
export {
  allowTargets,
  parseProxyTarget,
  type ProxyTarget,
  type TargetPolicy,
  type TargetRule,
} from "./proxy-target.js";
export { Relay, type RelayOptions, type RelayRequest } from "./relay.js";
export { type CacheAnswer, type CacheLimits, type CacheQuestion, ResponseCache } from "./response-cache.js";
export { coapUpstream, type Upstream, type UpstreamExchange, type UpstreamRequest } from "./upstream.js";
export { type IpRange, isInRange, parseIpRange } from "./ip-range.js";
