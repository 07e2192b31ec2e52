import { Authority } from "../src/authority/authority.js";
import type { DeviceGrant } from "../src/authority/authority-state.js";
import { createIdentity } from "../src/authority/identity.js";
import { Membership } from "../src/authority/membership.js";
import { Opener, type OpenerOptions } from "../src/envelope/opener.js";
import { Sealer, type SealerOptions } from "../src/envelope/sealer.js";
import { nodeCrypto } from "../src/node/node-crypto.js";
import { loadMclGroup } from "../src/pairing/mcl-group.js";
import { pskSuite } from "../src/suites/psk.js";
import { builtInSuites, createSuiteRegistry } from "../src/suites/registry.js";
import { seededBytes } from "./seed.js";
import { NOW } from "./suite-case.js";

/** On mcl; noble, which takes its time to load, where keys are issued. */
export const suites = createSuiteRegistry(builtInSuites(await loadMclGroup()));

/** A wall clock that a test sets. */
export interface Clock {
  now: number;
}

/** An authority with some suites, on a clock of its own. */
export async function createSystem(suiteNames: readonly string[], from = 1) {
  const clock: Clock = { now: NOW };
  const random = seededBytes(from);
  const options = { suites, crypto: nodeCrypto, random, now: () => clock.now };
  const authority = await Authority.setup("test", suiteNames, options);

  /** A device that went through invitation, request and answer. */
  const join = async (name: string, grant: DeviceGrant): Promise<Membership> => {
    const joining = await Membership.request(authority.invite(name, grant), createIdentity(random), options);
    return joining.complete(await authority.answer(joining.request));
  };
  const sealerOf = (membership: Membership, suite: string, extra: Partial<SealerOptions> = {}): Sealer =>
    new Sealer({
      suite: suites.get(suite) ?? pskSuite(),
      publisher: () => membership.publisher(suite),
      certificate: () => ({ certificate: membership.certificate, bytes: membership.certificateBytes }),
      signingSecret: membership.identity.signingSecret,
      crypto: nodeCrypto,
      random,
      ...extra,
    });
  const openerOf = (membership: Membership, extra: Partial<OpenerOptions> = {}): Opener =>
    new Opener({
      suites,
      reader: (suite) => membership.reader(suite),
      authorityKey: membership.authorityKey,
      revoked: () => membership.revoked,
      crypto: nodeCrypto,
      ...extra,
    });
  return { clock, random, options, authority, join, sealerOf, openerOf };
}
