import { type Store, type StoreKey, TABLES, type TableName } from "@isthmus/exchange";

/** The form of the lines; that of the values is in their own first bytes. */
const FORM = 1;
/** Bytes of values between two commits of an import. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** What is to be imported is no whole export. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

/**
 * All that a store holds, as lines of JSON without line ends: one that says what they are, one for each record with its
 * value in Base64, and one that says how many there were, so that a file which was cut short is no export.
 */
export function* exportStore(store: Store): Generator<string, void, undefined> {
  yield JSON.stringify({ export: "isthmus store", form: FORM });
  let records = 0;
  for (const table of TABLES) {
    for (const [key, value] of store.range(table, [])) {
      records++;
      yield JSON.stringify({ table, key, value: toBuffer(value).toString("base64") });
    }
  }
  yield JSON.stringify({ end: true, records });
}

/**
 * Puts into an empty store what {@link exportStore} gave.
 *
 * @returns the number of records
 * @throws ExportError with the line that is wrong, or that is missing; some records are in the store then.
 * @throws StoreError when the store cannot take them.
 */
export async function importStore(store: Store, lines: AsyncIterable<string>): Promise<number> {
  let number = 0;
  let records = 0;
  let waitingBytes = 0;
  let isComplete = false;
  for await (const text of lines) {
    number++;
    if (isComplete) throw new ExportError(`line ${number}: there is something behind the end`);
    const line = parseLine(text, number);
    if (number === 1) checkHeader(line);
    else if (line["end"] === true) {
      if (line["records"] !== records) {
        throw new ExportError(`line ${number}: the export had ${String(line["records"])} records, ${records} are here`);
      }
      isComplete = true;
    } else {
      const { table, key, value } = parseRecord(line, number);
      store.put(table, key, value);
      records++;
      waitingBytes += text.length;
      if (waitingBytes < BATCH_BYTES) continue;
      await store.commit();
      waitingBytes = 0;
    }
  }
  if (!isComplete) throw new ExportError(`it ends after line ${number}: the last line of an export says "end"`);
  await store.commit();
  return records;
}

function checkHeader({ export: kind, form }: Record<string, unknown>): void {
  if (kind !== "isthmus store") throw new ExportError("line 1: this is no export of a store");
  if (form !== FORM)
    throw new ExportError(`line 1: an export of form ${String(form)}, this version reads form ${FORM}`);
}

function parseLine(text: string, number: number): Record<string, unknown> {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line === "object" && line !== null && !Array.isArray(line)) return { ...line };
  } catch {
    // The message below says it better.
  }
  throw new ExportError(`line ${number}: not a JSON object`);
}

function parseRecord(
  { table, key, value }: Record<string, unknown>,
  number: number,
): { readonly table: TableName; readonly key: StoreKey; readonly value: Uint8Array } {
  const known = TABLES.find((each) => each === table);
  if (known === undefined) throw new ExportError(`line ${number}: there is no table ${JSON.stringify(table)}`);
  if (!isKey(key)) throw new ExportError(`line ${number}: ${JSON.stringify(key)} is no key`);
  if (typeof value !== "string" || !isBase64(value)) throw new ExportError(`line ${number}: the value is not Base64`);
  return { table: known, key, value: Buffer.from(value, "base64") };
}

function isKey(key: unknown): key is StoreKey {
  if (!Array.isArray(key) || key.length === 0) return false;
  return key.every((part) =>
    typeof part === "string" ? part.isWellFormed() && !part.includes("\0") : Number.isSafeInteger(part) && part >= 0,
  );
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z\d+/]*={0,2}$/.test(text);
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
