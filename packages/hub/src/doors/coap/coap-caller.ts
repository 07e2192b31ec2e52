import { encodeUtf8 } from "@isthmus/bytes";
import type { ServerRequest } from "@isthmus/coap";
import { formatAddress } from "@isthmus/mqtt/transport-node";
import type { HubContext } from "../../hub-context.js";
import { type Caller, identify } from "../requests/caller.js";
import { COAP_LISTENER, CoapEntrance } from "./coap-entrance.js";

/** Arguments of queries that say who asks: for the hub alone. */
export const CALLER_ARGUMENTS = ["user", "password", "token"];

/**
 * Who makes a request: by the client certificate of the connection that it came on, or `?user=NAME&password=SECRET`, or `?token=TOKEN`, where a token of more than a Uri-Query's 255 bytes
 * goes in several. CoAP itself has no words for it below DTLS and OSCORE, which this door does not speak: what goes over
 * UDP can be read on the way, as with HTTP and MQTT without TLS.
 *
 * @throws RequestRefusedError unauthenticated when they let nobody in.
 */
export function identifyPeer(context: HubContext, { query, peer }: ServerRequest): Promise<Caller> {
  const entrance = peer.context instanceof CoapEntrance ? peer.context : undefined;
  const password = query.get("password");
  const tokens = query.getAll("token");
  return identify(context, {
    door: "coap",
    listener: entrance?.listener ?? COAP_LISTENER,
    address: entrance?.address ?? formatAddress(peer.address, peer.port),
    certificate: entrance?.certificate,
    user: query.get("user"),
    password: password === undefined ? undefined : encodeUtf8(password),
    token: tokens.length === 0 ? undefined : tokens.join(""),
  });
}
