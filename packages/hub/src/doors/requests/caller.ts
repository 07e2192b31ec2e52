import type { Origin } from "@isthmus/exchange";
import type { Credentials, Identity } from "../../access/access.js";
import type { HubContext } from "../../hub-context.js";
import { ReasonCode } from "@isthmus/mqtt/codec";
import { RequestRefusedError } from "./request-refusal.js";

/** Who makes a request. */
export interface Caller {
  readonly identity: Identity;
  /** What their messages say of where they come from. */
  readonly origin: Origin;
}

/**
 * The caller that `credentials` are of.
 *
 * @throws RequestRefusedError unauthenticated when they let nobody in.
 */
export async function identify(context: HubContext, credentials: Credentials): Promise<Caller> {
  const verdict = await context.access.authenticate(credentials);
  const { door, listener, address, user } = credentials;
  if ("reasonCode" in verdict) {
    context.log.warn({ door, listener, address, user, reason: verdict.reason }, "request refused");
    if (verdict.reasonCode === ReasonCode.serverBusy) throw new RequestRefusedError("unavailable", verdict.reason);
    throw new RequestRefusedError("unauthenticated", "a user name and its password are needed, or a token");
  }
  return { identity: verdict, origin: { door, name: verdict.user ?? address } };
}
