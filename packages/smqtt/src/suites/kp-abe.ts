import { FabeoKp } from "../abe/fabeo-kp.js";
import { allOf, anyOf, attributePolicy } from "../abe/policy.js";
import { randomCoins, scalarFromBytes, scalarToBytes } from "../abe/scalars.js";
import type { PairingGroup } from "../pairing/pairing-group.js";
import { createAbeWrapper, generationAttribute, generationAttributes } from "./abe-wrapper.js";
import type { NobleG1, NobleG2 } from "../pairing/noble-point-codec.js";
import type { NobleGroup, NobleGT } from "../pairing/noble-group.js";
import { type Suite, WrapError } from "./suite.js";
import { timeAttributes, timeCover } from "./time-attributes.js";
import { filtersPolicy, MAX_TOPIC_LEVELS, topicAttributes } from "./topic-attributes.js";

/**
 * Key-policy ABE, the default: a subscription is the key. What is published on a topic opens for every key whose
 * filters match the topic and whose period includes the hour, and for no other; publishers need only the public
 * parameters and never learn who reads.
 *
 * @param group where wrapping and unwrapping is done.
 * @param issuer where setup and key issue are done: noble, whose multiplications do not depend on the secret.
 */
export function kpAbeSuite<P, Q, T>(group: PairingGroup<P, Q, T>, issuer: () => NobleGroup): Suite {
  // Publishers and readers never need it: it is loaded, and tests itself, when keys are issued.
  let issuing: FabeoKp<NobleG1, NobleG2, NobleGT> | undefined;
  const scheme = () => (issuing ??= new FabeoKp(issuer()));
  const wrapper = createAbeWrapper(new FabeoKp(group));
  return {
    name: "kp-abe",
    setup: async (random) => {
      const masterKey = randomCoins(random)();
      return { generation: 1, secret: scalarToBytes(masterKey), parameters: scheme().publicKeyOf(masterKey) };
    },
    enrol: async (master, { subscribe, validity, isForwardOnly }, random) => {
      if (subscribe.length === 0) return { master, readerKey: undefined, writerKey: undefined };
      const policy = allOf([
        filtersPolicy(subscribe),
        anyOf(generationAttributes(master.generation, isForwardOnly).map(attributePolicy)),
        anyOf(timeCover(validity).map(attributePolicy)),
      ]);
      const id = scheme().parsePublicKey(master.parameters).id;
      const readerKey = scheme().issueKey(scalarFromBytes(master.secret), id, policy, randomCoins(random));
      return { master, readerKey, writerKey: undefined };
    },
    rotate: async (master) => ({ ...master, generation: master.generation + 1 }),
    scope: kpAbeScope,
    wrap: async (publisher, { topic, time }, context, random) => {
      const attributes = topicAttributes(topic);
      if (topic.split("/").length > MAX_TOPIC_LEVELS) {
        throw new WrapError(`"${topic}" has more than ${MAX_TOPIC_LEVELS} levels`);
      }
      attributes.push(generationAttribute(publisher.generation), ...timeAttributes(time));
      return wrapper.wrap(publisher, attributes, context, random);
    },
    unwrap: async (reader, wrap, context) => wrapper.unwrap(reader, wrap, context),
  };
}

/** A content key is of one topic. */
export const kpAbeScope: Suite["scope"] = (_publisher, { topic }) => topic;
