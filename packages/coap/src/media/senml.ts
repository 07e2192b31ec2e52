/**
 * One record of a SenML pack (RFC 8428 4), by the names of the standard; the wire forms have short labels for them.
 *
 * Base fields hold for this record and those after it.
 */
export interface SenmlRecord {
  readonly baseVersion?: number;
  readonly baseName?: string;
  /** Seconds since 1970, or from now when below 2^28 (RFC 8428 4.5.3). */
  readonly baseTime?: number;
  readonly baseUnit?: string;
  readonly baseValue?: number;
  readonly baseSum?: number;
  readonly name?: string;
  readonly unit?: string;
  readonly value?: number;
  readonly stringValue?: string;
  readonly booleanValue?: boolean;
  readonly dataValue?: Uint8Array;
  readonly sum?: number;
  /** Seconds, added to the base time. */
  readonly time?: number;
  /** Seconds until the sensor speaks again at the latest. */
  readonly updateTime?: number;
  /** Fields that other standards define, by label. */
  readonly extensions?: Readonly<Record<string, string | number | boolean>>;
}

/** How the value of a field reads in each wire form. */
export type SenmlFieldType = "string" | "number" | "boolean" | "data";

/** A field of a record and its labels (RFC 8428 5, 6). */
export interface SenmlField {
  readonly key: Exclude<keyof SenmlRecord, "extensions">;
  /** In JSON, and the name of the XML attribute. */
  readonly label: string;
  readonly cborLabel: number;
  readonly type: SenmlFieldType;
}

/** All fields, in the order in which they are written. */
export const senmlFields: readonly SenmlField[] = [
  { key: "baseVersion", label: "bver", cborLabel: -1, type: "number" },
  { key: "baseName", label: "bn", cborLabel: -2, type: "string" },
  { key: "baseTime", label: "bt", cborLabel: -3, type: "number" },
  { key: "baseUnit", label: "bu", cborLabel: -4, type: "string" },
  { key: "baseValue", label: "bv", cborLabel: -5, type: "number" },
  { key: "baseSum", label: "bs", cborLabel: -6, type: "number" },
  { key: "name", label: "n", cborLabel: 0, type: "string" },
  { key: "unit", label: "u", cborLabel: 1, type: "string" },
  { key: "value", label: "v", cborLabel: 2, type: "number" },
  { key: "stringValue", label: "vs", cborLabel: 3, type: "string" },
  { key: "booleanValue", label: "vb", cborLabel: 4, type: "boolean" },
  { key: "sum", label: "s", cborLabel: 5, type: "number" },
  { key: "time", label: "t", cborLabel: 6, type: "number" },
  { key: "updateTime", label: "ut", cborLabel: 7, type: "number" },
  { key: "dataValue", label: "vd", cborLabel: 8, type: "data" },
];

/** The pack breaks a rule of RFC 8428. */
export class SenmlError extends SyntaxError {
  override readonly name = "SenmlError";
}

/** A record that stands alone (RFC 8428 4.6): full name, absolute time, no base fields. */
export interface ResolvedSenmlRecord {
  /** Present when it is not {@link SENML_VERSION}. */
  readonly baseVersion?: number;
  readonly name: string;
  /** Seconds since 1970. */
  readonly time: number;
  readonly unit?: string;
  readonly value?: number;
  readonly stringValue?: string;
  readonly booleanValue?: boolean;
  readonly dataValue?: Uint8Array;
  readonly sum?: number;
  readonly updateTime?: number;
  readonly extensions?: Readonly<Record<string, string | number | boolean>>;
}

/** The version of RFC 8428, which a pack without one has. */
export const SENML_VERSION = 10;
/** Times below are relative to now (RFC 8428 4.5.3). */
const FIRST_ABSOLUTE_TIME = 2 ** 28;
/** RFC 8428 4.5.1. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9\-:./_]*$/;

/** The base fields in force, as they gather from record to record. */
type Base = Required<Pick<SenmlRecord, "baseName" | "baseTime" | "baseVersion">> &
  Pick<SenmlRecord, "baseUnit" | "baseValue" | "baseSum">;

/**
 * The records with base fields applied, in the order of their times (RFC 8428 4.6).
 *
 * @param unixSeconds now, in seconds since 1970: what relative times count from.
 * @throws SenmlError for a record without a name, with a name of other characters, with more than one value or none, of
 * another version, or with an unknown field that must be understood.
 */
export function resolveSenml(records: readonly SenmlRecord[], unixSeconds: number): ResolvedSenmlRecord[] {
  let base: Base = { baseName: "", baseTime: 0, baseVersion: baseVersionOf(records) };
  const resolved: ResolvedSenmlRecord[] = [];
  for (const [index, record] of records.entries()) {
    checkRecord(record, index, base.baseVersion);
    base = { ...base, ...baseFieldsOf(record) };
    if (hasMeasurement(record)) resolved.push(resolveRecord(record, base, unixSeconds, index));
  }
  // RFC 8428 4.6: in chronological order; sorting is stable.
  return resolved.sort((a, b) => a.time - b.time);
}

function resolveRecord(record: SenmlRecord, base: Base, unixSeconds: number, index: number): ResolvedSenmlRecord {
  const { stringValue, booleanValue, dataValue, updateTime, extensions } = record;
  const name = base.baseName + (record.name ?? "");
  // RFC 8428 4.5.1: the concatenation is what has to be a name.
  if (!NAME.test(name)) throw new SenmlError(`"${name}" of record ${index} is not a SenML name`);
  const time = base.baseTime + (record.time ?? 0);
  const hasOtherValue = stringValue !== undefined || booleanValue !== undefined || dataValue !== undefined;
  return dropUndefined({
    baseVersion: base.baseVersion === SENML_VERSION ? undefined : base.baseVersion,
    name,
    time: time < FIRST_ABSOLUTE_TIME ? unixSeconds + time : time,
    unit: record.unit ?? base.baseUnit,
    // RFC 8428 4.1: a base value counts as the value of records that have no other.
    value: hasOtherValue ? undefined : sumOf(base.baseValue, record.value),
    stringValue,
    booleanValue,
    dataValue,
    sum: sumOf(base.baseSum, record.sum),
    updateTime,
    extensions,
  });
}

/** RFC 8428 4.1: one that is missing counts as zero, but two that are missing make none. */
function sumOf(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}

function checkRecord(record: SenmlRecord, index: number, baseVersion: number): void {
  const { value, stringValue, booleanValue, dataValue, extensions } = record;
  const values = [value, stringValue, booleanValue, dataValue].filter((field) => field !== undefined);
  // RFC 8428 4.2.
  if (values.length > 1) throw new SenmlError(`record ${index} has ${values.length} values`);
  // RFC 8428 4.4: all records of a pack have the same version.
  if (record.baseVersion !== undefined && record.baseVersion !== baseVersion) {
    throw new SenmlError(`record ${index} is of version ${record.baseVersion} in a pack of ${baseVersion}`);
  }
  // RFC 8428 4.4: a field whose label ends in "_" must be understood, and we understand none.
  const unknown = Object.keys(extensions ?? {}).find((label) => label.endsWith("_"));
  if (unknown !== undefined) throw new SenmlError(`field "${unknown}" of record ${index} is not understood`);
}

function baseVersionOf(records: readonly SenmlRecord[]): number {
  const version = records.find((record) => record.baseVersion !== undefined)?.baseVersion ?? SENML_VERSION;
  // RFC 8428 4.4: a version that is newer than what we know is not to be used.
  if (version > SENML_VERSION) throw new SenmlError(`version ${version} exceeds ${SENML_VERSION}`);
  return version;
}

function baseFieldsOf({ baseName, baseTime, baseUnit, baseValue, baseSum }: SenmlRecord): Partial<Base> {
  return dropUndefined({ baseName, baseTime, baseUnit, baseValue, baseSum });
}

/** RFC 8428 4.2: a record that only sets base fields measures nothing. */
function hasMeasurement(record: SenmlRecord): boolean {
  return senmlFields.some(({ key }) => !key.startsWith("base") && record[key] !== undefined);
}

type WithoutUndefined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function dropUndefined<T extends object>(object: T): WithoutUndefined<T> {
  // What is left holds no undefined: absent fields stay absent.
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as WithoutUndefined<T>;
}
