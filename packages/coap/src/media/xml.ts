import { decodeUtf8, encodeUtf8 } from "@isthmus/bytes";
import { XMLBuilder, XMLParser, XMLValidator } from "fast-xml-parser";

/** The bytes are not an XML document that is taken in. */
export class XmlError extends SyntaxError {
  override readonly name = "XmlError";
}

const shape = { ignoreAttributes: false, attributeNamePrefix: "@" } as const;
const parser = new XMLParser({ ...shape, ignoreDeclaration: true, ignorePiTags: true });
const builder = new XMLBuilder({ ...shape, suppressEmptyNode: true, suppressBooleanAttributes: false });

/**
 * The elements of an XML document as an object: `<a x="1"><b>2</b></a>` is `{ a: { "@x": "1", b: 2 } }`.
 *
 * @throws XmlError when it is malformed, or has a document type: entities are an attack, not a convenience.
 */
export function decodeXml(payload: Uint8Array): unknown {
  const text = decodeUtf8(payload);
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw new XmlError("a document type is not taken in");
  const verdict = XMLValidator.validate(text);
  if (verdict !== true) throw new XmlError(`${verdict.err.msg} in line ${verdict.err.line}`);
  try {
    return parser.parse(text);
  } catch (cause) {
    throw new XmlError("not an XML document", { cause });
  }
}

/** `value` as an XML document; what is not one element becomes one named `value`, an array its `item` elements. */
export function encodeXml(value: unknown): Uint8Array {
  if (Array.isArray(value)) return encodeXml({ value: { item: value } });
  return encodeUtf8(builder.build(isElement(value) ? value : { value }));
}

/** Whether a value has the shape of {@link decodeXml}: one name, and what it holds once. */
function isElement(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  return entries.length === 1 && entries.every(([name, content]) => isName(name) && !Array.isArray(content));
}

function isName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(text);
}
