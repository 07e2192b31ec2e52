import { isIP } from "node:net";
import { allowTargets, type ProxyTarget, type TargetPolicy } from "@isthmus/coap";
import type { ProxyTargetRule } from "./proxy-options.js";
import { isPublicAddress } from "./public-address.js";

/** The host that a name leads to is not one that the rules let anybody reach. */
export class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";

  constructor(host: string, address: string) {
    super(`${host} leads to ${address}, a private address that no rule names`);
  }
}

/** Which targets the proxy fetches, and at which addresses. */
export class ProxyPolicy {
  readonly #rules: readonly { readonly matches: TargetPolicy; readonly isPrivateAllowed: boolean }[];

  /** @param schemes that there is an upstream for. @throws TypeError for a rule with a host or a scheme that cannot be. */
  constructor(rules: readonly ProxyTargetRule[], schemes: readonly string[]) {
    this.#rules = rules.map((rule) => {
      const { scheme = schemes[0] ?? "", host, allowPrivate = false } = rule;
      if (!schemes.includes(scheme)) throw new TypeError(`"${scheme}" is none of ${schemes.join(", ")}`);
      // An address or a range says itself what is meant.
      const isPrivateAllowed = allowPrivate || isIP(host) !== 0 || host.includes("/");
      return { matches: allowTargets([{ ...rule, scheme }]), isPrivateAllowed };
    });
  }

  /** Whether a rule names the target. Where its name leads is looked at when it is asked, see {@link checkAddress}. */
  allows(target: ProxyTarget): boolean {
    const matching = this.#rules.filter(({ matches }) => matches(target));
    if (isIP(target.host) === 0 || isPublicAddress(target.host)) return matching.length > 0;
    return matching.some(({ isPrivateAllowed }) => isPrivateAllowed);
  }

  /** @throws PrivateAddressError when the target's name leads where none of its rules says that it may. */
  checkAddress(target: ProxyTarget, address: string): void {
    if (isPublicAddress(address)) return;
    const isNamed = this.#rules.some(({ matches, isPrivateAllowed }) => isPrivateAllowed && matches(target));
    if (!isNamed) throw new PrivateAddressError(target.host, address);
  }
}
