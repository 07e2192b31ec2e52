import { encodeUtf8, toHex } from "@isthmus/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import { type Attribute } from "../abe/attribute.js";
import { allOf, anyOf, attributePolicy, type Policy } from "../abe/policy.js";
import { coversFilter, parseTopicFilter, parseTopicName } from "../topics.js";

/**
 * Topics and filters as attributes and policies, so that a key opens a topic exactly when its filters match it.
 *
 * ```
 *   topic a/b        L1=a  L2=b  N=2  D>=1  D>=2  pub      (`pub` unless it begins with "$")
 *   literal level i  L<i>=…         the level is this one
 *   "+"              nothing        any level will do
 *   the end after k  N=<k>          so many levels and no more
 *   "#" after k      D>=<k>         at least so many (left out where a literal level k says it already)
 *   wild first level pub            not the topics that begin with "$" [MQTT-4.7.2-1]
 * ```
 */
const NOT_RESERVED = "pub";
/** Longest level that stands for itself, in UTF-8. */
const MAX_PLAIN_LEVEL_BYTES = 200;

/** Deepest topic whose attributes, with those of time and generation, a ciphertext may have. */
export const MAX_TOPIC_LEVELS = 28;

/** The attributes of a topic name. @throws TopicError when it is none. */
export function topicAttributes(topic: string): Attribute[] {
  const levels = parseTopicName(topic);
  const attributes = levels.flatMap((level, index) => [levelAttribute(index + 1, level), depthAttribute(index + 1)]);
  attributes.push(lengthAttribute(levels.length));
  if (!topic.startsWith("$")) attributes.push(NOT_RESERVED);
  return attributes;
}

/** The policy of a key for all topics that any of `filters` matches. @throws TopicError for what is no filter. */
export function filtersPolicy(filters: readonly string[]): Policy {
  const unique = [...new Set(filters)];
  for (const filter of unique) parseTopicFilter(filter);
  const widest = unique.filter((filter) => !unique.some((other) => other !== filter && coversFilter(other, filter)));
  return factor(widest.map(filterAttributes));
}

/** The attributes that a topic must have for one filter to match it. */
function filterAttributes(filter: string): Attribute[] {
  const levels = parseTopicFilter(filter);
  const attributes: Attribute[] = [];
  if (levels[0] === "+" || levels[0] === "#") attributes.push(NOT_RESERVED);
  for (const [index, level] of levels.entries()) {
    if (level === "+") continue;
    if (level !== "#") attributes.push(levelAttribute(index + 1, level));
    else if (levels[index - 1] === "+") attributes.push(depthAttribute(index));
  }
  if (levels[levels.length - 1] !== "#") attributes.push(lengthAttribute(levels.length));
  return attributes;
}

/**
 * An OR of ANDs with what the clauses share taken out in front: the most frequent attribute first, then again within
 * and without. Fewer rows, and fewer occurrences of one attribute, each of which costs a pairing.
 */
function factor(clauses: readonly (readonly Attribute[])[]): Policy {
  const [only, ...others] = clauses;
  if (only !== undefined && others.length === 0) return allOf(only.map(attributePolicy));
  const shared = mostFrequent(clauses);
  if (shared === undefined) return anyOf(clauses.map((clause) => allOf(clause.map(attributePolicy))));

  const inside = clauses
    .filter((clause) => clause.includes(shared))
    .map((clause) => clause.filter((a) => a !== shared));
  const outside = clauses.filter((clause) => !clause.includes(shared));
  // A clause with nothing left asks for the shared attribute alone, whatever the others ask besides.
  const isAlone = inside.some((clause) => clause.length === 0);
  const front = isAlone ? attributePolicy(shared) : allOf([attributePolicy(shared), factor(inside)]);
  return outside.length === 0 ? front : anyOf([front, factor(outside)]);
}

/** The attribute in most clauses, the first of equals; undefined when none is in two. */
function mostFrequent(clauses: readonly (readonly Attribute[])[]): Attribute | undefined {
  const counts = new Map<Attribute, number>();
  for (const attribute of clauses.flat()) counts.set(attribute, (counts.get(attribute) ?? 0) + 1);
  let most: Attribute | undefined;
  for (const [attribute, count] of counts)
    if (count > (most === undefined ? 1 : (counts.get(most) ?? 0))) most = attribute;
  return most;
}

/**
 * MQTT compares levels without normalization, attributes are in form NFC: a level that is not, or that is too long,
 * stands as its hash. Behind `L3` comes `=` or `#`, so no level passes for the hash of another.
 */
function levelAttribute(position: number, level: string): Attribute {
  const plain = `L${position}=${level}`;
  const bytes = encodeUtf8(level);
  // The whole is checked: a combining mark at the start of a level would combine with the sign before it.
  if (bytes.length <= MAX_PLAIN_LEVEL_BYTES && plain.normalize("NFC") === plain) return plain;
  return `L${position}#${toHex(sha256(bytes))}`;
}

function lengthAttribute(levels: number): Attribute {
  return `N=${levels}`;
}

function depthAttribute(levels: number): Attribute {
  return `D>=${levels}`;
}
