import { SenmlError, type SenmlField, type SenmlRecord, senmlFields } from "./senml.js";

/** How one wire form spells labels and values. */
export interface SenmlSpelling<Label> {
  readonly labelOf: (field: SenmlField) => Label;
  readonly encodeData: (bytes: Uint8Array) => unknown;
  /** The bytes of a data value as they were spelled, undefined when they were not. */
  readonly decodeData: (value: unknown) => Uint8Array | undefined;
}

/** The labels and values of a record, in the order of the table, other standards' fields last. */
export function* spellRecord<Label>(
  record: SenmlRecord,
  spelling: SenmlSpelling<Label>,
): Generator<[Label | string, unknown]> {
  for (const field of senmlFields) {
    const value = record[field.key];
    if (value === undefined) continue;
    yield [spelling.labelOf(field), value instanceof Uint8Array ? spelling.encodeData(value) : value];
  }
  yield* Object.entries(record.extensions ?? {});
}

/**
 * The record that labels and values spell.
 *
 * @throws SenmlError for a value of the wrong type, or a numeric label that is not registered.
 */
export function readRecord<Label>(
  entries: Iterable<readonly [label: unknown, value: unknown]>,
  spelling: SenmlSpelling<Label>,
): SenmlRecord {
  const record: Record<string, unknown> = {};
  const extensions: Record<string, string | number | boolean> = {};
  for (const [label, value] of entries) {
    const field = senmlFields.find((candidate) => spelling.labelOf(candidate) === label);
    if (field !== undefined) record[field.key] = readValue(field, value, spelling);
    else readExtension(extensions, label, value);
  }
  if (Object.keys(extensions).length > 0) record["extensions"] = extensions;
  return record;
}

function readValue<Label>(field: SenmlField, value: unknown, spelling: SenmlSpelling<Label>): unknown {
  if (field.type === "data") {
    const bytes = spelling.decodeData(value);
    if (bytes !== undefined) return bytes;
  } else if (typeof value === "bigint" && field.type === "number") {
    return Number(value);
  } else if (typeof value === field.type && (typeof value !== "number" || Number.isFinite(value))) {
    return value;
  }
  throw new SenmlError(`${describe(value)} is not the ${field.type} that "${field.label}" takes`);
}

function readExtension(into: Record<string, string | number | boolean>, label: unknown, value: unknown): void {
  // RFC 8428 6: integer labels are all assigned, and others are text.
  if (typeof label !== "string") throw new SenmlError(`${describe(label)} is not a label of SenML`);
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
    throw new SenmlError(`${describe(value)} is not a value that "${label}" can have`);
  }
  // defineProperty: "__proto__" is a label like any other.
  Object.defineProperty(into, label, { value, enumerable: true, configurable: true, writable: true });
}

function describe(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  return typeof value === "number" || typeof value === "boolean" ? `${value}` : `a value of type ${typeof value}`;
}
