import { type Attribute, parseGrantableAttribute } from "../abe/attribute.js";
import { FabeoCp } from "../abe/fabeo-cp.js";
import { allOf, anyOf, attributePolicy, PolicyError } from "../abe/policy.js";
import { integerAttributes } from "../abe/policy-gates.js";
import { parsePolicy } from "../abe/policy-language.js";
import { randomCoins, scalarFromBytes, scalarToBytes } from "../abe/scalars.js";
import type { NobleGroup, NobleGT } from "../pairing/noble-group.js";
import type { NobleG1, NobleG2 } from "../pairing/noble-point-codec.js";
import type { PairingGroup } from "../pairing/pairing-group.js";
import { createAbeWrapper, generationAttribute, generationAttributes } from "./abe-wrapper.js";
import { type Grant, GrantError, type Suite, WrapError } from "./suite.js";
import { timeAttributes, timeCover } from "./time-attributes.js";

/**
 * Ciphertext-policy ABE: the publisher writes who may read, in roles (`nurse AND ward >= 3`), and devices hold the
 * attributes that they were granted, for a period.
 *
 * @param group where wrapping and unwrapping is done.
 * @param issuer where setup and key issue are done: noble, whose multiplications do not depend on the secret.
 */
export function cpAbeSuite<P, Q, T>(group: PairingGroup<P, Q, T>, issuer: () => NobleGroup): Suite {
  // Publishers and readers never need it: it is loaded, and tests itself, when keys are issued.
  let issuing: FabeoCp<NobleG1, NobleG2, NobleGT> | undefined;
  const scheme = () => (issuing ??= new FabeoCp(issuer()));
  const wrapper = createAbeWrapper(new FabeoCp(group));
  return {
    name: "cp-abe",
    setup: async (random) => {
      const masterKey = randomCoins(random)();
      return { generation: 1, secret: scalarToBytes(masterKey), parameters: scheme().publicKeyOf(masterKey) };
    },
    enrol: async (master, grant, random) => {
      if (grant.attributes.length === 0) return { master, readerKey: undefined, writerKey: undefined };
      const attributes = grantedAttributes(grant);
      attributes.push(...generationAttributes(master.generation, grant.isForwardOnly), ...timeCover(grant.validity));
      const id = scheme().parsePublicKey(master.parameters).id;
      const readerKey = scheme().issueKey(scalarFromBytes(master.secret), id, attributes, randomCoins(random));
      return { master, readerKey, writerKey: undefined };
    },
    rotate: async (master) => ({ ...master, generation: master.generation + 1 }),
    scope: cpAbeScope,
    wrap: async (publisher, { policy, time }, context, random) => {
      const access = allOf([
        parsePolicy(requirePolicy(policy)),
        attributePolicy(generationAttribute(publisher.generation)),
        anyOf(timeAttributes(time).map(attributePolicy)),
      ]);
      try {
        return wrapper.wrap(publisher, access, context, random);
      } catch (cause) {
        if (!(cause instanceof PolicyError)) throw cause;
        throw new WrapError(`the policy is too large: ${cause.message}`, { cause });
      }
    },
    unwrap: async (reader, wrap, context) => wrapper.unwrap(reader, wrap, context),
  };
}

/** A content key is of one policy, whatever the topic. */
export const cpAbeScope: Suite["scope"] = (_publisher, { policy }) => requirePolicy(policy);

function requirePolicy(policy: string | undefined): string {
  if (policy === undefined) throw new WrapError("cp-abe needs a policy that says who may read");
  return policy;
}

/** @throws GrantError when an integer has two values: its bits would mix to values that were never granted. */
function grantedAttributes({ attributes }: Grant): Attribute[] {
  const integers = new Map<Attribute, number>();
  for (const attribute of attributes) {
    if (typeof attribute === "string") continue;
    const [text, value] = attribute;
    const name = parseGrantableAttribute(text);
    const other = integers.get(name);
    if (other !== undefined && other !== value)
      throw new GrantError(`"${name}" is granted as ${other} and as ${value}`);
    integers.set(name, value);
  }
  const names = attributes.filter((attribute) => typeof attribute === "string").map(parseGrantableAttribute);
  return [...names, ...[...integers].flatMap(([name, value]) => integerAttributes(name, value))];
}
