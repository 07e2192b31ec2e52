import { decodeCbor, encodeCbor } from "./cbor.js";
import { SenmlError, type SenmlRecord } from "./senml.js";
import { readRecord, type SenmlSpelling, spellRecord } from "./senml-labels.js";

const spelling: SenmlSpelling<number> = {
  labelOf: (field) => field.cborLabel,
  encodeData: (bytes) => bytes,
  decodeData: (value) => (value instanceof Uint8Array ? value : undefined),
};

/** The pack as application/senml+cbor (RFC 8428 6). */
export function encodeSenmlCbor(records: readonly SenmlRecord[]): Uint8Array {
  return encodeCbor(records.map((record) => new Map(spellRecord(record, spelling))));
}

/** The pack of application/senml+cbor. @throws SenmlError or CborError when it is none. */
export function decodeSenmlCbor(payload: Uint8Array): SenmlRecord[] {
  const pack = decodeCbor(payload, { useMaps: true });
  if (!Array.isArray(pack)) throw new SenmlError("a SenML pack is an array");
  return pack.map((item: unknown, index) => {
    if (!(item instanceof Map)) throw new SenmlError(`record ${index} is not a map`);
    return readRecord(item, spelling);
  });
}
