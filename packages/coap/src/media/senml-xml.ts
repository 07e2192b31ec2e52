import { SenmlError, type SenmlField, type SenmlRecord, senmlFields } from "./senml.js";
import { decodeBase64Url, encodeBase64Url } from "./senml-json.js";
import { readRecord, type SenmlSpelling, spellRecord } from "./senml-labels.js";
import { decodeXml, encodeXml } from "./xml.js";

const spelling: SenmlSpelling<string> = {
  labelOf: (field) => field.label,
  encodeData: encodeBase64Url,
  decodeData: (value) => (typeof value === "string" ? decodeBase64Url(value) : undefined),
};

/** The pack as application/senml+xml (RFC 8428 7): one `senml` element a record, its fields as attributes. */
export function encodeSenmlXml(records: readonly SenmlRecord[]): Uint8Array {
  const senml = records.map((record) =>
    Object.fromEntries([...spellRecord(record, spelling)].map(([label, value]) => [`@${label}`, String(value)])),
  );
  return encodeXml({ sensml: { "@xmlns": "urn:ietf:params:xml:ns:senml", senml } });
}

/** The pack of application/senml+xml. @throws SenmlError or XmlError when it is none. */
export function decodeSenmlXml(payload: Uint8Array): SenmlRecord[] {
  const root = decodeXml(payload);
  const sensml = typeof root === "object" && root !== null && "sensml" in root ? root.sensml : undefined;
  if (sensml === undefined) throw new SenmlError("a SenML document is a sensml element");
  const senml = typeof sensml === "object" && sensml !== null && "senml" in sensml ? sensml.senml : [];
  // One element alone is not put into an array by the parser.
  const elements: unknown[] = Array.isArray(senml) ? senml : [senml];
  return elements.map((element) => readRecord(attributesOf(element), spelling));
}

function attributesOf(element: unknown): [string, unknown][] {
  // An element without attributes is "".
  if (typeof element !== "object" || element === null) return [];
  return Object.entries(element)
    .filter(([name]) => name.startsWith("@"))
    .map(([name, value]) => [name.slice(1), readAttribute(name.slice(1), String(value))]);
}

/** XML has text alone: the table says what it stands for (XML Schema's double and boolean). */
function readAttribute(label: string, text: string): unknown {
  const type: SenmlField["type"] = senmlFields.find((field) => field.label === label)?.type ?? "string";
  if (type === "number") return /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/.test(text) ? Number(text) : text;
  if (type !== "boolean") return text;
  return text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : text;
}
