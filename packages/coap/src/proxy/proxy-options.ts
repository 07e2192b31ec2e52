import { Code } from "../codec/codes.js";
import { isUnsafeOption, Option, optionDefinition, optionName } from "../codec/option-definitions.js";
import type { Options } from "../codec/options.js";
import { CoapError } from "../server/coap-error.js";

/** Options that end at each hop: they say where to, or belong to the endpoint or the cache. */
const hopOptions: ReadonlySet<number> = new Set([
  Option.URI_HOST,
  Option.URI_PORT,
  Option.URI_PATH,
  Option.URI_QUERY,
  Option.PROXY_URI,
  Option.PROXY_SCHEME,
  Option.OBSERVE,
  Option.BLOCK1,
  Option.BLOCK2,
  Option.Q_BLOCK1,
  Option.Q_BLOCK2,
  Option.SIZE1,
  Option.SIZE2,
  Option.ECHO,
  Option.REQUEST_TAG,
  Option.NO_RESPONSE,
  Option.HOP_LIMIT,
]);

/** Hop-Limit that a proxy adds (RFC 8768 3). */
const DEFAULT_HOP_LIMIT = 16;

/**
 * The options of a request to send on: without those of this hop, Hop-Limit counted down.
 *
 * @throws CoapError with 4.02 for one that must not be sent on by who does not know it (RFC 7252 5.7.1), 5.08 when the
 * request has gone through too many proxies (RFC 8768 3).
 */
export function optionsToForward(options: Options): Options {
  for (const [number] of options) {
    if (isUnsafeOption(number) && optionDefinition(number) === undefined) {
      throw new CoapError(Code.BAD_OPTION, `${optionName(number)} is not understood by the proxy`);
    }
  }
  const hopLimit = options.uint(Option.HOP_LIMIT) ?? DEFAULT_HOP_LIMIT + 1;
  if (hopLimit <= 1) throw new CoapError(Code.HOP_LIMIT_REACHED, "the request goes in circles");
  return options.filter((number) => !hopOptions.has(number)).with(Option.HOP_LIMIT, hopLimit - 1);
}

/**
 * The options of a response to send back: without those of the hop behind.
 *
 * @throws CoapError with 5.02 for one that must not be sent on by who does not know it (RFC 7252 5.7.1).
 */
export function optionsToReturn(options: Options): Options {
  for (const [number] of options) {
    if (isUnsafeOption(number) && optionDefinition(number) === undefined) {
      throw new CoapError(Code.BAD_GATEWAY, `${optionName(number)} is not understood by the proxy`);
    }
  }
  return options.filter((number) => !hopOptions.has(number));
}
