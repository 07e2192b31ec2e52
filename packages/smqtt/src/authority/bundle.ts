import {
  asArray,
  asBytes,
  asMap,
  asText,
  asUnsigned,
  type CborValue,
  decodeCbor,
  encodeCbor,
} from "../envelope/cbor.js";
import { CoseError } from "../envelope/cose-parameters.js";
import type { CryptoBackend } from "../envelope/crypto-backend.js";
import { rethrowing } from "../envelope/encrypt0.js";
import { parseSign1, sign1, verifySign1 } from "../envelope/sign1.js";
import { SUBJECT_ID_BYTES } from "../suites/suite.js";

/**
 * What the authority tells everyone, signed: the public parameters of its suites and who is revoked. The only place
 * from which devices take public keys.
 */
export interface PublicBundle {
  readonly name: string;
  /** Counts bundles: a device keeps the one with the highest. */
  readonly serial: number;
  /** Unix seconds. */
  readonly issuedAt: number;
  /** The authority's X25519 public key, to which enrolment requests are sealed. */
  readonly exchangeKey: Uint8Array;
  readonly suites: readonly SuiteParameters[];
  /** Ids of devices whose certificates and keys no longer count. */
  readonly revoked: readonly Uint8Array[];
}

export interface SuiteParameters {
  readonly name: string;
  readonly generation: number;
  readonly parameters: Uint8Array;
}

const LABEL = { name: 1, serial: 2, issuedAt: 3, exchangeKey: 4, suites: 5, revoked: 6 } as const;
const BUNDLE_AAD = encodeCbor("ISTHMUS-SMQTT-V01-BUNDLE");

export function signBundle(
  crypto: CryptoBackend,
  authority: { readonly signingSecret: Uint8Array; readonly id: Uint8Array },
  bundle: PublicBundle,
): Uint8Array {
  const payload = encodeCbor(
    new Map<number, CborValue>([
      [LABEL.name, bundle.name],
      [LABEL.serial, bundle.serial],
      [LABEL.issuedAt, bundle.issuedAt],
      [LABEL.exchangeKey, bundle.exchangeKey],
      [LABEL.suites, bundle.suites.map(({ name, generation, parameters }) => [name, generation, parameters])],
      [LABEL.revoked, bundle.revoked],
    ]),
  );
  return sign1(crypto, authority.signingSecret, authority.id, payload, BUNDLE_AAD);
}

/** The bundle, when `authorityKey` signed it. @throws CoseError for all else. */
export function verifyBundle(crypto: CryptoBackend, authorityKey: Uint8Array, bytes: Uint8Array): PublicBundle {
  const message = parseSign1(bytes);
  if (!verifySign1(crypto, authorityKey, message, BUNDLE_AAD)) throw new CoseError("not signed by the authority");
  return parseBundle(message.payload);
}

/** What a bundle says, whoever signed it. @param payload of the COSE_Sign1. @throws CoseError. */
export function parseBundle(payload: Uint8Array): PublicBundle {
  return rethrowing(() => {
    const map = asMap(decodeCbor(payload, { items: 100_000 }));
    return {
      name: asText(map.get(LABEL.name)),
      serial: asUnsigned(map.get(LABEL.serial)),
      issuedAt: asUnsigned(map.get(LABEL.issuedAt)),
      exchangeKey: asBytes(map.get(LABEL.exchangeKey), 32),
      suites: asArray(map.get(LABEL.suites)).map((item) => {
        const [name, generation, parameters] = asArray(item, 3);
        return { name: asText(name), generation: asUnsigned(generation), parameters: asBytes(parameters) };
      }),
      revoked: asArray(map.get(LABEL.revoked)).map((id) => asBytes(id, SUBJECT_ID_BYTES)),
    };
  });
}
