import { concatBytes, encodeUtf8 } from "@isthmus/bytes";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { asArray, asBytes, asText, asUnsigned, type CborValue, decodeCbor, encodeCbor } from "../envelope/cbor.js";
import { isWildcard, matchesTopic, parseTopicFilter, parseTopicName } from "../topics.js";
import { derive } from "./psk.js";
import { GrantError, type Suite, type SuiteMaster, UnwrapError, WrapError } from "./suite.js";

const SECRET_BYTES = 32;
const SALT_BYTES = 32;
const MAX_TOPIC_LENGTH = 65_535;

/** The key of a whole branch, or of one topic in it. */
const BRANCH = 0;
const TOPIC = 1;

interface NodeKey {
  readonly kind: typeof BRANCH | typeof TOPIC;
  readonly filter: string;
  readonly key: Uint8Array;
}

/**
 * Symmetric keys in a tree of topics: the key of `a/#` derives those of `a` and all below it and of nothing else.
 *
 * Grants are a topic or a branch: `house/kitchen/temperature`, `house/#`, `#`. A `+`, which has no one key, is
 * refused. Who may write a topic can also read it. Revocation is a new tree.
 */
export function pskTreeSuite(): Suite {
  const fresh = (generation: number, secret: Uint8Array): SuiteMaster => ({
    generation,
    secret,
    parameters: new Uint8Array(0),
  });
  return {
    name: "psk-tree",
    setup: async (random) => fresh(1, random(SECRET_BYTES)),
    enrol: async (master, grant) => ({
      master,
      readerKey: issue(master.secret, grant.subscribe),
      writerKey: issue(master.secret, grant.publish),
    }),
    rotate: async (master, _revoked, random) => fresh(master.generation + 1, random(SECRET_BYTES)),
    scope: (_publisher, { topic }) => topic,
    wrap: async ({ writerKey }, { topic }, context, random) => {
      const key = topicKey(writerKey === undefined ? [] : decodeKeys(writerKey), topic);
      if (key === undefined) throw new WrapError(`no key for the topic "${topic}"`);
      const salt = random(SALT_BYTES);
      // The topic is in the wrap so that a reader knows which key to derive; it is no secret on a broker.
      return { contentKey: derive(key, salt, context), wrap: encodeCbor([topic, salt]) };
    },
    unwrap: async ({ readerKey }, wrap, context) => {
      try {
        const [topic, salt] = asArray(decodeCbor(wrap), 2);
        const key = topicKey(decodeKeys(readerKey), asText(topic));
        if (key !== undefined) return derive(key, asBytes(salt, SALT_BYTES), context);
      } catch {
        // every failure looks the same
      }
      throw new UnwrapError();
    },
  };
}

function issue(secret: Uint8Array, filters: readonly string[]): Uint8Array | undefined {
  if (filters.length === 0) return undefined;
  return encodeCbor(
    filters
      .flatMap((filter) => nodeKeys(secret, filter))
      .map(({ kind, filter, key }): CborValue => [kind, filter, key]),
  );
}

function nodeKeys(secret: Uint8Array, filter: string): NodeKey[] {
  const levels = parseTopicFilter(filter);
  if (levels.includes("+")) throw new GrantError(`"${filter}": a tree of keys has no key for "+"`);
  const isBranch = isWildcard(levels[levels.length - 1]);
  const path = isBranch ? levels.slice(0, -1) : levels;
  // "#" begins with a wildcard: all topics but those that begin with "$" [MQTT-4.7.2-1].
  const key = descend(rootOf(secret, path[0] ?? ""), path);
  return [isBranch ? { kind: BRANCH, filter, key } : { kind: TOPIC, filter, key: leafOf(key) }];
}

/** The key of `topic`, from the first of `keys` that gives it. */
function topicKey(keys: readonly NodeKey[], topic: string): Uint8Array | undefined {
  const levels = parseTopicName(topic);
  const held = keys.find(({ filter }) => matchesTopic(filter, topic));
  if (held === undefined) return undefined;
  if (held.kind === TOPIC) return held.key;
  const depth = held.filter.split("/").length - 1;
  return leafOf(descend(held.key, levels.slice(depth)));
}

/** Two roots, one for the topics that "#" reaches and one for those that begin with "$". */
function rootOf(secret: Uint8Array, firstLevel: string): Uint8Array {
  return hmac(sha256, secret, encodeUtf8(firstLevel.startsWith("$") ? "root $" : "root"));
}

function descend(key: Uint8Array, levels: readonly string[]): Uint8Array {
  return levels.reduce(
    (parent, level) => hmac(sha256, parent, concatBytes([new Uint8Array([1]), encodeUtf8(level)])),
    key,
  );
}

/** The key of the topic itself, from which nothing below it can be derived. */
function leafOf(branch: Uint8Array): Uint8Array {
  return hmac(sha256, branch, new Uint8Array([0]));
}

function decodeKeys(bytes: Uint8Array): NodeKey[] {
  return asArray(decodeCbor(bytes)).map((entry) => {
    const [kind, filter, key] = asArray(entry, 3);
    const text = asText(filter);
    if (text.length > MAX_TOPIC_LENGTH) throw new RangeError("a filter of more than 65,535 characters");
    return { kind: asUnsigned(kind) === BRANCH ? BRANCH : TOPIC, filter: text, key: asBytes(key, SECRET_BYTES) };
  });
}
