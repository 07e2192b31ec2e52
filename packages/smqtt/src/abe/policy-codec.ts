import { ByteReader, ByteWriter, decodeUtf8 } from "@isthmus/bytes";
import { type Attribute, attributeBytes } from "./attribute.js";
import { checkPolicy, type Policy, PolicyError, type PolicyLimits } from "./policy.js";

/**
 * The bytes of a policy, a walk in preorder:
 *
 * ```
 *   attribute   01  length (1)  UTF-8
 *   and         02  count (1)   the children
 *   or          03  count (1)   the children
 * ```
 */
const ATTRIBUTE = 1;
const AND = 2;
const OR = 3;
const MAX_CHILDREN = 255;

/** @throws PolicyError when a gate has more than 255 children; AttributeError for one that is not canonical. */
export function encodePolicy(policy: Policy): Uint8Array {
  const writer = new ByteWriter(256);
  writePolicy(writer, policy);
  return writer.toBytes();
}

function writePolicy(writer: ByteWriter, policy: Policy): void {
  if (policy.type === "attribute") {
    writeAttribute(writer.uint8(ATTRIBUTE), policy.attribute);
    return;
  }
  if (policy.children.length > MAX_CHILDREN) throw new PolicyError(`"${policy.type}" of more than ${MAX_CHILDREN}`);
  writer.uint8(policy.type === "and" ? AND : OR).uint8(policy.children.length);
  for (const child of policy.children) writePolicy(writer, child);
}

/**
 * The policy that `bytes` spell, all of them.
 *
 * @throws PolicyError, AttributeError, ShortReadError or Utf8Error for anything else, and beyond `limits`.
 */
export function decodePolicy(bytes: Uint8Array, limits: PolicyLimits): Policy {
  const reader = new ByteReader(bytes);
  let leaves = 0;

  const read = (depth: number): Policy => {
    // Before any recursion and allocation: a hostile policy costs no more than its limits.
    if (depth > limits.depth) throw new PolicyError(`deeper than ${limits.depth} levels`);
    const kind = reader.uint8();
    if (kind === ATTRIBUTE) {
      if (++leaves > limits.leaves) throw new PolicyError(`more than ${limits.leaves} attributes`);
      return { type: "attribute", attribute: readAttribute(reader) };
    }
    if (kind !== AND && kind !== OR) throw new PolicyError(`unknown node ${kind}`);
    const children: Policy[] = [];
    for (let left = reader.uint8(); left > 0; left--) children.push(read(depth + 1));
    return { type: kind === AND ? "and" : "or", children };
  };

  const policy = read(1);
  if (reader.remaining !== 0) throw new PolicyError(`${reader.remaining} bytes after the policy`);
  checkPolicy(policy, limits);
  return policy;
}

/** The bytes of an attribute set: a count (1), then each attribute with its length (1), in ascending order of bytes. */
export function encodeAttributeSet(attributes: Iterable<Attribute>): Uint8Array {
  const sorted = canonicalAttributes(attributes);
  const writer = new ByteWriter(256).uint8(sorted.length);
  for (const attribute of sorted) writeAttribute(writer, attribute);
  return writer.toBytes();
}

/** @throws PolicyError when the set is not in canonical order, holds one twice or has bytes behind it. */
export function decodeAttributeSet(bytes: Uint8Array, maxAttributes: number): Attribute[] {
  const reader = new ByteReader(bytes);
  const count = reader.uint8();
  if (count === 0 || count > maxAttributes) throw new PolicyError(`${count} attributes; from 1 to ${maxAttributes}`);
  const attributes: Attribute[] = [];
  for (let i = 0; i < count; i++) attributes.push(readAttribute(reader));
  if (reader.remaining !== 0) throw new PolicyError(`${reader.remaining} bytes after the attributes`);
  const canonical = canonicalAttributes(attributes);
  if (canonical.length !== count || canonical.some((attribute, i) => attribute !== attributes[i])) {
    throw new PolicyError("attributes out of order");
  }
  return attributes;
}

/** Each attribute once, in ascending order of its UTF-8 bytes. */
export function canonicalAttributes(attributes: Iterable<Attribute>): Attribute[] {
  return [...new Set(attributes)].sort(compareCodePoints);
}

/** The order of UTF-8 bytes, which is that of code points and not that of UTF-16 units. */
function compareCodePoints(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length;) {
    const left = a.codePointAt(i) ?? 0;
    const right = b.codePointAt(i) ?? 0;
    if (left !== right) return left - right;
    i += left > 0xffff ? 2 : 1;
  }
  return a.length - b.length;
}

export function writeAttribute(writer: ByteWriter, attribute: Attribute): void {
  const bytes = attributeBytes(attribute);
  writer.uint8(bytes.length).append(bytes);
}

export function readAttribute(reader: ByteReader): Attribute {
  const attribute = decodeUtf8(reader.take(reader.uint8()));
  attributeBytes(attribute); // not empty, and in form NFC: one encoding per attribute
  return attribute;
}
