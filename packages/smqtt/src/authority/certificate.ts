import { equalBytes } from "@isthmus/bytes";
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
import type { Validity } from "../suites/suite.js";
import { matchesTopic, parseTopicFilter } from "../topics.js";
import { subjectId } from "./identity.js";

/**
 * Says that a device is who its signing key says, and what it may publish: a CWT (RFC 8392) with the key as its
 * confirmation (RFC 8747), signed by the authority as COSE_Sign1.
 */
export interface Certificate {
  /** {@link subjectId} of the signing key. */
  readonly id: Uint8Array;
  /** The device's name. */
  readonly name: string;
  /** Ed25519 public key. */
  readonly signingKey: Uint8Array;
  /** Topic filters that the device may publish to. */
  readonly publish: readonly string[];
  readonly validity: Validity;
}

/** Claims (RFC 8392 4, RFC 8747 3.1), and our own in the private range. */
const CLAIM = { subject: 2, expires: 4, notBefore: 5, confirmation: 8, publish: -70_001 } as const;
/** Member of the confirmation claim and of the COSE_Key in it (RFC 9053 7.2: OKP, Ed25519). */
const COSE_KEY = 1;
const KEY_TYPE = { label: 1, okp: 1 } as const;
const CURVE = { label: -1, ed25519: 6 } as const;
const X = -2;

const MAX_FILTERS = 64;
const MAX_NAME_LENGTH = 255;

/** What external data the authority's signatures cover, one for each kind of thing it signs. */
const CERTIFICATE_AAD = encodeCbor("ISTHMUS-SMQTT-V01-CERTIFICATE");

export function issueCertificate(
  crypto: CryptoBackend,
  authority: { readonly signingSecret: Uint8Array; readonly id: Uint8Array },
  certificate: Omit<Certificate, "id">,
): Uint8Array {
  const { name, signingKey, publish, validity } = certificate;
  for (const filter of publish) parseTopicFilter(filter);
  if (name === "" || name.length > MAX_NAME_LENGTH) throw new RangeError(`a name of ${name.length} characters`);
  if (publish.length > MAX_FILTERS) throw new RangeError(`${publish.length} filters; at most ${MAX_FILTERS}`);
  const key = new Map<number, CborValue>([
    [KEY_TYPE.label, KEY_TYPE.okp],
    [CURVE.label, CURVE.ed25519],
    [X, signingKey],
  ]);
  const claims = new Map<number, CborValue>([
    [CLAIM.subject, name],
    [CLAIM.expires, validity.until],
    [CLAIM.notBefore, validity.from],
    [CLAIM.confirmation, new Map<number, CborValue>([[COSE_KEY, key]])],
    [CLAIM.publish, publish],
  ]);
  return sign1(crypto, authority.signingSecret, authority.id, encodeCbor(claims), CERTIFICATE_AAD);
}

/**
 * The certificate, when `authorityKey` signed it. Whether its time has come or run out is for the caller to see.
 *
 * @throws CoseError for all else.
 */
export function verifyCertificate(crypto: CryptoBackend, authorityKey: Uint8Array, bytes: Uint8Array): Certificate {
  const message = parseSign1(bytes);
  if (!verifySign1(crypto, authorityKey, message, CERTIFICATE_AAD)) throw new CoseError("not signed by the authority");
  return parseCertificate(message.payload);
}

/** What a certificate says, whoever signed it. @param payload of the COSE_Sign1. @throws CoseError. */
export function parseCertificate(payload: Uint8Array): Certificate {
  return rethrowing(() => {
    const claims = asMap(decodeCbor(payload));
    const key = asMap(asMap(claims.get(CLAIM.confirmation)).get(COSE_KEY));
    if (key.get(KEY_TYPE.label) !== KEY_TYPE.okp || key.get(CURVE.label) !== CURVE.ed25519) {
      throw new CoseError("a key of another type");
    }
    const signingKey = asBytes(key.get(X), 32);
    return {
      id: subjectId(signingKey),
      name: asText(claims.get(CLAIM.subject)),
      signingKey,
      publish: asArray(claims.get(CLAIM.publish)).map(asText),
      validity: { from: asUnsigned(claims.get(CLAIM.notBefore)), until: asUnsigned(claims.get(CLAIM.expires)) },
    };
  });
}

/** Whether the certificate lets its device publish to `topic` at `time` (Unix seconds). */
export function permitsPublish({ publish, validity }: Certificate, topic: string, time: number): boolean {
  return validity.from <= time && time < validity.until && publish.some((filter) => matchesTopic(filter, topic));
}

export function isRevoked(revoked: readonly Uint8Array[], id: Uint8Array): boolean {
  return revoked.some((other) => equalBytes(other, id));
}
