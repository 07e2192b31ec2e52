import { encodeUtf8 } from "@isthmus/bytes";

/**
 * A name that keys hold or policies ask for: opaque text in Unicode normalization form C, compared code point by code
 * point. No case is folded and no character separates anything.
 */
export type Attribute = string;

/** Longest attribute in UTF-8; its length must fit the one byte that encodings give it. */
export const MAX_ATTRIBUTE_BYTES = 255;

/** Attributes that begin so are made by this package (time, generation, integers); nobody is granted one by name. */
export const RESERVED_PREFIX = "@";

/** The text is no attribute: empty, too long, or not well-formed. */
export class AttributeError extends Error {
  override readonly name = "AttributeError";
}

/**
 * The attribute that `text` spells, in normalization form C.
 *
 * @throws AttributeError when it is empty, longer than {@link MAX_ATTRIBUTE_BYTES} or has a lone surrogate.
 */
export function parseAttribute(text: string): Attribute {
  const attribute = text.normalize("NFC");
  attributeBytes(attribute);
  return attribute;
}

/**
 * The attribute that a person or a role may be granted.
 *
 * @throws AttributeError also for names under {@link RESERVED_PREFIX}.
 */
export function parseGrantableAttribute(text: string): Attribute {
  const attribute = parseAttribute(text);
  if (attribute.startsWith(RESERVED_PREFIX)) {
    throw new AttributeError(`"${attribute}" begins with "${RESERVED_PREFIX}", which is reserved`);
  }
  return attribute;
}

/** @throws AttributeError as {@link parseAttribute}, and when `attribute` is not in normalization form C. */
export function attributeBytes(attribute: Attribute): Uint8Array {
  if (!attribute.isWellFormed()) throw new AttributeError("an attribute with a lone surrogate");
  if (attribute.normalize("NFC") !== attribute) throw new AttributeError(`"${attribute}" is not in Unicode form NFC`);
  const bytes = encodeUtf8(attribute);
  if (bytes.length === 0) throw new AttributeError("an empty attribute");
  if (bytes.length > MAX_ATTRIBUTE_BYTES) {
    throw new AttributeError(`an attribute of ${bytes.length} bytes; at most ${MAX_ATTRIBUTE_BYTES}`);
  }
  return bytes;
}
