import { createHmac, createPublicKey, type KeyObject, timingSafeEqual, verify } from "node:crypto";
import { decodeUtf8 } from "@isthmus/bytes";

/** A token that is not accepted; `message` says why. */
export class TokenError extends Error {
  override readonly name = "TokenError";
}

/** A key that tokens are signed with. What kind of key it is says with which algorithm, whatever a token claims. */
export interface TokenKey {
  readonly algorithm: "HS256" | "RS256" | "ES256";
  /** `kid` of the tokens that it is for; undefined: of those without, and of any. */
  readonly id: string | undefined;
  isSignature(data: Uint8Array, signature: Uint8Array): boolean;
}

/** RFC 7518 3.2 */
const LEAST_SECRET_BYTES = 32;

/** For HS256. @throws TokenError for a secret that is too short. */
export function secretKey(secret: string | Uint8Array, id?: string): TokenKey {
  const { length } = Buffer.from(secret);
  if (length < LEAST_SECRET_BYTES) {
    throw new TokenError(`a secret of ${length} bytes is shorter than ${LEAST_SECRET_BYTES}`);
  }
  return {
    algorithm: "HS256",
    id,
    isSignature: (data, signature) => {
      const expected = createHmac("sha256", secret).update(data).digest();
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    },
  };
}

/** For RS256 or ES256. @throws TokenError for what is no public key of a kind that they use. */
export function publicKey(pem: string, id?: string): TokenKey {
  const key = parsePublicKey(pem);
  const { asymmetricKeyType, asymmetricKeyDetails: details } = key;
  if (asymmetricKeyType === "rsa" && (details?.modulusLength ?? 0) >= 2048) {
    return { algorithm: "RS256", id, isSignature: (data, signature) => verify("sha256", data, key, signature) };
  }
  if (asymmetricKeyType === "ec" && details?.namedCurve === "prime256v1") {
    // RFC 7518 3.4: two numbers of 32 bytes, one behind the other.
    const isSignature = (data: Uint8Array, signature: Uint8Array): boolean =>
      signature.length === 64 && verify("sha256", data, { key, dsaEncoding: "ieee-p1363" }, signature);
    return { algorithm: "ES256", id, isSignature };
  }
  throw new TokenError(`neither an RSA key of 2048 bits or more nor a key on P-256, but ${asymmetricKeyType}`);
}

function parsePublicKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new TokenError("not a public key in PEM form", { cause });
  }
}

/** Whether a text may be meant as a token: three parts, the first of which is a JSON object. */
export function looksLikeToken(text: string): boolean {
  return /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/.test(text);
}

/**
 * The claims of a JSON Web Token (RFC 7519) in its compact form that one of `keys` has signed.
 *
 * @param now in milliseconds since 1970
 * @param leewayMs how far clocks may differ
 * @throws TokenError when it is not signed by any of them, has expired, or does not hold yet.
 */
export function verifyToken(
  token: string,
  keys: readonly TokenKey[],
  now: number,
  leewayMs: number,
): { readonly claims: Readonly<Record<string, unknown>>; readonly key: TokenKey } {
  const [headerText = "", claimsText = "", signatureText = ""] = token.split(".");
  const { alg, kid, crit } = parseObject(headerText, "header");
  // RFC 7515 4.1.11: what must be understood and is not makes it invalid.
  if (crit !== undefined) throw new TokenError("the token needs extensions");
  const data = Buffer.from(`${headerText}.${claimsText}`);
  const signature = decodeBase64Url(signatureText, "signature");
  const key = keys
    .filter(({ algorithm, id }) => algorithm === alg && (kid === undefined || id === undefined || id === kid))
    .find((each) => each.isSignature(data, signature));
  if (key === undefined) throw new TokenError("the token is not signed by a key that is known");
  const claims = parseObject(claimsText, "claims");
  const { exp, nbf } = claims;
  if (exp !== undefined && !(now < instantOf("exp", exp) + leewayMs)) throw new TokenError("the token has expired");
  if (nbf !== undefined && !(now >= instantOf("nbf", nbf) - leewayMs))
    throw new TokenError("the token does not hold yet");
  return { claims, key };
}

/** Seconds since 1970 as milliseconds (RFC 7519 2, NumericDate). */
export function instantOf(claim: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TokenError(`${claim} is not a number of seconds`);
  return value * 1000;
}

function parseObject(text: string, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(decodeUtf8(decodeBase64Url(text, what)));
    // Just checked to be an object, whose members nothing is known of.
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw new TokenError(`the token's ${what} cannot be read`, { cause });
  }
  throw new TokenError(`the token's ${what} is not a JSON object`);
}

function decodeBase64Url(text: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, "base64url");
  // Decoding passes over what is none.
  if (bytes.toString("base64url") !== text) throw new TokenError(`the token's ${what} is not base64url`);
  return bytes;
}
