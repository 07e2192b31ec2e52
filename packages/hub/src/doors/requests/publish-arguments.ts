import type { QoS } from "@isthmus/exchange";
import { RequestRefusedError } from "./request-refusal.js";

/** What the query of a request says of how to publish. */
export interface PublishArguments {
  readonly qos: QoS;
  readonly retain: boolean;
  /** Seconds after which nobody gets the message any more; undefined when it does not expire. */
  readonly expiryS: number | undefined;
}

/**
 * `?qos=0|1|2`, `?retain=true|false` and `?expiry=SECONDS`, each over a default.
 *
 * @throws RequestRefusedError malformed for any other value.
 */
export function parsePublishArguments(
  valueOf: (name: string) => string | undefined,
  defaults: PublishArguments,
): PublishArguments {
  const qos = valueOf("qos");
  const retain = valueOf("retain");
  const expiry = valueOf("expiry");
  return {
    qos: qos === undefined ? defaults.qos : parseQoS(qos),
    retain: retain === undefined ? defaults.retain : parseFlag("retain", retain),
    expiryS: expiry === undefined ? defaults.expiryS : parseExpiry(expiry),
  };
}

/** `true`, `false`, `1`, `0`, or nothing at all for true. @throws RequestRefusedError malformed for anything else. */
export function parseFlag(name: string, text: string): boolean {
  if (text === "" || text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new RequestRefusedError("malformed", `${name} is true or false, not "${text}"`);
}

/** @throws RequestRefusedError malformed for an argument that nobody here knows: a slip of the pen, mostly. */
export function checkArgumentNames(names: Iterable<string>, known: readonly string[]): void {
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new RequestRefusedError("malformed", `there is no argument "${name}": ${known.join(", ")}`);
  }
}

function parseQoS(text: string): QoS {
  switch (text) {
    case "0":
      return 0;
    case "1":
      return 1;
    case "2":
      return 2;
    default:
      throw new RequestRefusedError("malformed", `qos is 0, 1 or 2, not "${text}"`);
  }
}

function parseExpiry(text: string): number {
  const seconds = Number(text);
  if (/^\d{1,10}$/.test(text) && seconds > 0 && seconds <= 0xffff_ffff) return seconds;
  throw new RequestRefusedError("malformed", `expiry is a number of seconds from 1 to 4294967295, not "${text}"`);
}
