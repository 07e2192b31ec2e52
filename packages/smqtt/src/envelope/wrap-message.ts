import { asBytes, asMap, asText, asUnsigned, type CborMap, type CborValue, decodeCbor, encodeCbor } from "./cbor.js";
import { type AeadAlgorithm, CoseError, isAeadAlgorithm } from "./cose-parameters.js";
import { rethrowing } from "./encrypt0.js";

/**
 * What a wrap message says, the payload of a COSE_Sign1 by the publisher: a map with these labels.
 *
 * All but the wrap itself is the context of the wrap: a suite unwraps only under the same context.
 */
const LABEL = {
  version: 1,
  suite: 2,
  generation: 3,
  created: 4,
  expires: 5,
  algorithm: 6,
  isCountersigned: 7,
  certificate: 8,
  wrap: 9,
} as const;
const VERSION = 1;

/** Longest wrap message that is parsed, for suites whose wraps do not grow with the readers. */
export const MAX_WRAP_MESSAGE_BYTES = 10_240;

export interface WrapHeader {
  /** The suite that made the wrap. */
  readonly suite: string;
  readonly generation: number;
  /** Unix seconds; the first and the last (excluded) instant at which the publisher seals with the key. */
  readonly created: number;
  readonly expires: number;
  /** The AEAD of the messages. */
  readonly algorithm: AeadAlgorithm;
  /** Every message under this key carries a countersignature by the publisher; one without is forged. */
  readonly isCountersigned: boolean;
  /** The publisher's certificate, as the authority signed it. */
  readonly certificate: Uint8Array;
}

export interface WrapPayload extends WrapHeader {
  readonly wrap: Uint8Array;
}

/** The bytes that a suite binds to the wrap. */
export function wrapContext(header: WrapHeader): Uint8Array {
  return encodeCbor(headerMap(header));
}

export function encodeWrapPayload(header: WrapHeader, wrap: Uint8Array): Uint8Array {
  return encodeCbor(new Map([...headerMap(header), [LABEL.wrap, wrap]]));
}

/** @throws CoseError for all that is not such a payload. */
export function parseWrapPayload(bytes: Uint8Array): WrapPayload {
  return rethrowing(() => {
    const map = asMap(decodeCbor(bytes));
    if (map.get(LABEL.version) !== VERSION) throw new CoseError("a wrap of another version");
    if (map.size !== Object.keys(LABEL).length) throw new CoseError("a wrap with other fields");
    const algorithm = map.get(LABEL.algorithm);
    const isCountersigned = map.get(LABEL.isCountersigned);
    // Messages are sealed with 256-bit keys alone.
    if (!isAeadAlgorithm(algorithm) || algorithm < 3) throw new CoseError("an AEAD that is not ours");
    if (typeof isCountersigned !== "boolean") throw new CoseError("a flag that is no boolean");
    return {
      suite: asText(map.get(LABEL.suite)),
      generation: asUnsigned(map.get(LABEL.generation)),
      created: asUnsigned(map.get(LABEL.created)),
      expires: asUnsigned(map.get(LABEL.expires)),
      algorithm,
      isCountersigned,
      certificate: asBytes(map.get(LABEL.certificate)),
      wrap: asBytes(map.get(LABEL.wrap)),
    };
  });
}

function headerMap(header: WrapHeader): CborMap {
  return new Map<number, CborValue>([
    [LABEL.version, VERSION],
    [LABEL.suite, header.suite],
    [LABEL.generation, header.generation],
    [LABEL.created, header.created],
    [LABEL.expires, header.expires],
    [LABEL.algorithm, header.algorithm],
    [LABEL.isCountersigned, header.isCountersigned],
    [LABEL.certificate, header.certificate],
  ]);
}
