import { createNobleGroup, type NobleGroup } from "../pairing/noble-group.js";
import type { PairingGroup } from "../pairing/pairing-group.js";
import { cpAbeSuite } from "./cp-abe.js";
import { hpkeSuite } from "./hpke.js";
import { kpAbeSuite } from "./kp-abe.js";
import { pskSuite } from "./psk.js";
import { pskTreeSuite } from "./psk-tree.js";
import type { Suite } from "./suite.js";

/** Suites by the name that they have on the wire. */
export type SuiteRegistry = ReadonlyMap<string, Suite>;

/** @throws RangeError when two have one name. */
export function createSuiteRegistry(suites: readonly Suite[]): SuiteRegistry {
  const registry = new Map(suites.map((suite) => [suite.name, suite]));
  if (registry.size < suites.length) throw new RangeError("two suites of one name");
  return registry;
}

/**
 * The suites of this package: `psk`, `psk-tree`, `hpke`, `kp-abe` and `cp-abe`.
 *
 * @param group where ABE wraps are made and opened; noble when left out. `loadMclGroup()` gives a faster one.
 * @example
 * const suites = createSuiteRegistry([...builtInSuites(await loadMclGroup()), mySuite]);
 */
export function builtInSuites<P, Q, T>(group?: PairingGroup<P, Q, T>): Suite[] {
  let created: NobleGroup | undefined;
  const noble = (): NobleGroup => (created ??= createNobleGroup());
  const abe =
    group === undefined
      ? [kpAbeSuite(noble(), noble), cpAbeSuite(noble(), noble)]
      : [kpAbeSuite(group, noble), cpAbeSuite(group, noble)];
  return [pskSuite(), pskTreeSuite(), hpkeSuite(), ...abe];
}
