import { concatBytes, encodeUtf8, equalBytes, fromHex, toHex } from "@isthmus/bytes";
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
import type { RandomBytes } from "../random.js";
import { ENCAPSULATED_BYTES, hpkeOpen, hpkeSeal } from "../suites/hpke-cipher.js";
import { type Identity, publicIdentity } from "./identity.js";

/**
 * How a device registers, in three messages that anyone may carry:
 *
 * 1. The authority gives it an {@link Invitation} over a channel that nobody else reads.
 * 2. The device sends an {@link EnrolmentRequest} with the invitation's token, signed with its own key and sealed to
 *    the authority.
 * 3. The authority answers with an {@link EnrolmentAnswer}: certificate, keys and public parameters, signed by the
 *    authority and sealed to the device.
 *
 * Renewal is the same without an invitation: the signature says who asks.
 */
export interface Invitation {
  /** Ed25519 public key of the authority: what the device trusts from now on. */
  readonly authorityKey: Uint8Array;
  /** X25519 public key of the authority. */
  readonly exchangeKey: Uint8Array;
  /** Good for one enrolment. */
  readonly token: Uint8Array;
}

export interface EnrolmentRequest {
  readonly signingKey: Uint8Array;
  readonly exchangeKey: Uint8Array;
  /** Undefined in a request for renewal. */
  readonly token: Uint8Array | undefined;
  /** Ties the answer to the request. */
  readonly nonce: Uint8Array;
}

export interface EnrolmentAnswer {
  readonly certificate: Uint8Array;
  readonly bundle: Uint8Array;
  readonly keys: readonly SuiteKeys[];
}

export interface SuiteKeys {
  readonly suite: string;
  readonly generation: number;
  readonly readerKey: Uint8Array | undefined;
  readonly writerKey: Uint8Array | undefined;
}

export const TOKEN_BYTES = 16;
const NONCE_BYTES = 16;
const INVITATION_PREFIX = "smqtt:";
const REQUEST_INFO = encodeUtf8("ISTHMUS-SMQTT-V01-REQUEST");
const ANSWER_INFO = encodeUtf8("ISTHMUS-SMQTT-V01-ANSWER");
const REQUEST_AAD = encodeCbor("ISTHMUS-SMQTT-V01-REQUEST");
const ANSWER_AAD = encodeCbor("ISTHMUS-SMQTT-V01-ANSWER");
const REQUEST = { signingKey: 1, exchangeKey: 2, token: 3, nonce: 4 } as const;
const ANSWER = { certificate: 1, bundle: 2, keys: 3, nonce: 4, refusal: 5 } as const;

/** The authority does not know the device or the invitation, or has revoked it. */
export class EnrolmentError extends Error {
  override readonly name = "EnrolmentError";
}

/** Text for a QR code, a file or a command line. It lets its bearer enrol, once: a secret. */
export function formatInvitation({ authorityKey, exchangeKey, token }: Invitation): string {
  return INVITATION_PREFIX + toHex(concatBytes([authorityKey, exchangeKey, token]));
}

/** @throws SyntaxError for text that is no invitation. */
export function parseInvitation(text: string): Invitation {
  const match = new RegExp(`^${INVITATION_PREFIX}([0-9a-f]{${2 * (32 + 32 + TOKEN_BYTES)}})$`).exec(text.trim());
  if (match?.[1] === undefined) throw new SyntaxError("not an invitation");
  const bytes = fromHex(match[1]);
  return { authorityKey: bytes.slice(0, 32), exchangeKey: bytes.slice(32, 64), token: bytes.slice(64) };
}

/** A request and the nonce that its answer will be for. */
export interface SentRequest {
  readonly bytes: Uint8Array;
  readonly nonce: Uint8Array;
}

/**
 * What a device sends to enrol, or, with no token, to have its keys renewed.
 *
 * @param exchangeKey the authority's X25519 public key.
 */
export async function createRequest(
  crypto: CryptoBackend,
  random: RandomBytes,
  identity: Identity,
  exchangeKey: Uint8Array,
  token: Uint8Array | undefined,
): Promise<SentRequest> {
  const own = publicIdentity(identity);
  const nonce = random(NONCE_BYTES);
  const payload = encodeCbor(
    new Map<number, CborValue>([
      [REQUEST.signingKey, own.signingKey],
      [REQUEST.exchangeKey, own.exchangeKey],
      [REQUEST.token, token ?? null],
      [REQUEST.nonce, nonce],
    ]),
  );
  const signed = sign1(crypto, identity.signingSecret, own.id, payload, REQUEST_AAD);
  return { bytes: await sealTo(exchangeKey, REQUEST_INFO, signed), nonce };
}

/** The request that a device sealed to the authority and signed. @throws CoseError for anything else. */
export async function openRequest(
  crypto: CryptoBackend,
  exchangeSecret: Uint8Array,
  bytes: Uint8Array,
): Promise<EnrolmentRequest> {
  const message = parseSign1(await openFrom(exchangeSecret, REQUEST_INFO, bytes));
  return rethrowing(() => {
    const map = asMap(decodeCbor(message.payload));
    const signingKey = asBytes(map.get(REQUEST.signingKey), 32);
    if (!verifySign1(crypto, signingKey, message, REQUEST_AAD)) throw new CoseError("not signed by its key");
    const token = map.get(REQUEST.token);
    return {
      signingKey,
      exchangeKey: asBytes(map.get(REQUEST.exchangeKey), 32),
      token: token === null ? undefined : asBytes(token, TOKEN_BYTES),
      nonce: asBytes(map.get(REQUEST.nonce), NONCE_BYTES),
    };
  });
}

/** @param nonce of the request that is answered; empty when the authority answers unasked. */
export async function createAnswer(
  crypto: CryptoBackend,
  authority: { readonly signingSecret: Uint8Array; readonly id: Uint8Array },
  exchangeKey: Uint8Array,
  nonce: Uint8Array,
  { certificate, bundle, keys }: EnrolmentAnswer,
): Promise<Uint8Array> {
  const answer = new Map<number, CborValue>([
    [ANSWER.certificate, certificate],
    [ANSWER.bundle, bundle],
    [ANSWER.keys, keys.map((k): CborValue => [k.suite, k.generation, k.readerKey ?? null, k.writerKey ?? null])],
    [ANSWER.nonce, nonce],
  ]);
  return sealAnswer(crypto, authority, exchangeKey, answer);
}

/** The authority's no, signed and sealed as an answer is. @param reason is for the device's owner to read. */
export async function createRefusal(
  crypto: CryptoBackend,
  authority: { readonly signingSecret: Uint8Array; readonly id: Uint8Array },
  exchangeKey: Uint8Array,
  nonce: Uint8Array,
  reason: string,
): Promise<Uint8Array> {
  const refusal = new Map<number, CborValue>([
    [ANSWER.nonce, nonce],
    [ANSWER.refusal, reason],
  ]);
  return sealAnswer(crypto, authority, exchangeKey, refusal);
}

async function sealAnswer(
  crypto: CryptoBackend,
  authority: { readonly signingSecret: Uint8Array; readonly id: Uint8Array },
  exchangeKey: Uint8Array,
  answer: ReadonlyMap<number, CborValue>,
): Promise<Uint8Array> {
  const signed = sign1(crypto, authority.signingSecret, authority.id, encodeCbor(answer), ANSWER_AAD);
  return sealTo(exchangeKey, ANSWER_INFO, signed);
}

/**
 * The authority's answer to this device.
 *
 * @param nonce of the request; undefined takes an answer that was not asked for.
 * @throws CoseError unless it is sealed to the device, signed by the authority, and for this request; EnrolmentError
 *   when the answer is no.
 */
export async function openAnswer(
  crypto: CryptoBackend,
  authorityKey: Uint8Array,
  exchangeSecret: Uint8Array,
  nonce: Uint8Array | undefined,
  bytes: Uint8Array,
): Promise<EnrolmentAnswer> {
  const message = parseSign1(await openFrom(exchangeSecret, ANSWER_INFO, bytes));
  if (!verifySign1(crypto, authorityKey, message, ANSWER_AAD)) throw new CoseError("not signed by the authority");
  return rethrowing(() => {
    const map = asMap(decodeCbor(message.payload));
    const answered = asBytes(map.get(ANSWER.nonce));
    if (nonce !== undefined && !equalBytes(answered, nonce)) throw new CoseError("the answer to another request");
    const refusal = map.get(ANSWER.refusal);
    if (refusal !== undefined) throw new EnrolmentError(asText(refusal));
    return {
      certificate: asBytes(map.get(ANSWER.certificate)),
      bundle: asBytes(map.get(ANSWER.bundle)),
      keys: asArray(map.get(ANSWER.keys)).map(parseSuiteKeys),
    };
  });
}

function parseSuiteKeys(item: CborValue): SuiteKeys {
  const [suite, generation, readerKey, writerKey] = asArray(item, 4);
  return {
    suite: asText(suite),
    generation: asUnsigned(generation),
    readerKey: readerKey === null ? undefined : asBytes(readerKey),
    writerKey: writerKey === null ? undefined : asBytes(writerKey),
  };
}

async function sealTo(publicKey: Uint8Array, info: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array> {
  const { enc, ciphertext } = await hpkeSeal(publicKey, info, plaintext);
  return concatBytes([enc, ciphertext]);
}

async function openFrom(secretKey: Uint8Array, info: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
  const enc = bytes.subarray(0, ENCAPSULATED_BYTES);
  try {
    return await hpkeOpen(secretKey, info, { enc, ciphertext: bytes.subarray(ENCAPSULATED_BYTES) });
  } catch (cause) {
    throw new CoseError("not sealed for us", { cause });
  }
}
