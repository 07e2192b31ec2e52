import { readFile } from "node:fs/promises";
import { decodeUtf8, Utf8Error } from "@isthmus/bytes";
import { ReasonCode } from "@isthmus/mqtt/codec";
import type { Credentials, Identity } from "../access.js";
import { AccessError, type Finding, type IdentitySource } from "../identity-source.js";
import { type AccessRule, AccessRuleError } from "../rules/access-rule.js";
import { parseGrantedRules } from "../rules/granted-rules.js";
import {
  instantOf,
  looksLikeToken,
  publicKey,
  secretKey,
  TokenError,
  type TokenKey,
  verifyToken,
} from "./json-web-token.js";

/** One key that tokens may be signed with: a secret for HS256, a public key for RS256 or ES256. */
export interface TokenKeyOptions {
  /** `kid` of its tokens. Default: it is tried on all of its kind. */
  readonly id?: string | undefined;
  /** 32 bytes or more. */
  readonly secret?: string | undefined;
  /** A public key or a certificate in PEM: RSA of 2048 bits or more, or P-256. */
  readonly publicKeyFile?: string | undefined;
}

/** Users who bring a JSON Web Token (RFC 7519): as the password of MQTT, or as bearer token of HTTP. */
export interface JwtSourceOptions {
  readonly type: "jwt";
  /** More than one while keys are being changed. */
  readonly keys: readonly TokenKeyOptions[];
  /** What `iss` has to be. Default: anything. */
  readonly issuer?: string | undefined;
  /** What `aud` has to be or to hold. Default: anything. */
  readonly audience?: string | undefined;
  /** The claim with the user name. Default "sub". */
  readonly userClaim?: string | undefined;
  /** The claim with the groups, a list of names. Default "groups". */
  readonly groupsClaim?: string | undefined;
  /** The claim with rules for this client alone, see docs/access.md. Default "acl"; `publ` and `subs` are taken as well. */
  readonly rulesClaim?: string | undefined;
  /** Seconds that clocks may differ. Default 30. */
  readonly leewaySeconds?: number | undefined;
}

/** Checks tokens, lets in whom they name until they expire, and gives them the groups and rules that they bring. */
export class JwtSource implements IdentitySource {
  readonly kind = "jwt";
  readonly summary: string;
  readonly #options: JwtSourceOptions;
  readonly #keys: readonly TokenKey[];
  /** What the keys are, to tell after a reload whether a token would still be accepted. */
  readonly #signs: ReadonlyMap<TokenKey, string>;

  private constructor(options: JwtSourceOptions, signs: ReadonlyMap<TokenKey, string>) {
    const { issuer } = options;
    this.summary = issuer === undefined ? "users with a token" : `users with a token of ${issuer}`;
    this.#options = options;
    this.#keys = [...signs.keys()];
    this.#signs = signs;
  }

  /** @throws AccessError for a key that cannot be used. */
  static async load(options: JwtSourceOptions): Promise<JwtSource> {
    if (options.keys.length === 0)
      throw new AccessError("the source jwt has no keys", { hint: "name a secret or a public key" });
    const signs = new Map<TokenKey, string>();
    for (const each of options.keys) {
      const [key, sign] = await loadKey(each);
      signs.set(key, sign);
    }
    return new JwtSource(options, signs);
  }

  identify({ token, password }: Credentials): Finding {
    const text = token ?? textOf(password);
    if (text === undefined || !looksLikeToken(text)) return undefined;
    try {
      return this.#check(text, Date.now());
    } catch (error) {
      if (!(error instanceof TokenError || error instanceof AccessRuleError)) throw error;
      return { reasonCode: ReasonCode.notAuthorized, reason: error.message };
    }
  }

  mayStay({ credential }: Identity): boolean {
    return typeof credential === "string" && [...this.#signs.values()].includes(credential);
  }

  #check(token: string, now: number): Identity {
    const { issuer, audience, userClaim = "sub", groupsClaim = "groups", leewaySeconds = 30 } = this.#options;
    const leewayMs = leewaySeconds * 1000;
    const { claims, key } = verifyToken(token, this.#keys, now, leewayMs);
    const { iss, aud, exp } = claims;
    if (issuer !== undefined && iss !== issuer) throw new TokenError("the token is of another issuer");
    if (audience !== undefined && ![aud].flat().includes(audience))
      throw new TokenError("the token is for somebody else");
    // What never ends cannot be taken back.
    if (exp === undefined) throw new TokenError("the token does not say when it expires");
    const user = claims[userClaim];
    if (typeof user !== "string" || user === "") throw new TokenError(`the token has no ${userClaim}`);
    return {
      user,
      groups: groupsOf(claims[groupsClaim]),
      rules: this.#rulesOf(claims),
      expiresAt: instantOf("exp", exp) + leewayMs,
      source: this.kind,
      credential: this.#signs.get(key),
    };
  }

  #rulesOf(claims: Readonly<Record<string, unknown>>): readonly AccessRule[] | undefined {
    const { rulesClaim = "acl" } = this.#options;
    const { [rulesClaim]: granted, publ, subs } = claims;
    if (granted !== undefined) return parseGrantedRules(granted);
    return publ === undefined && subs === undefined
      ? undefined
      : parseGrantedRules({ publ: publ ?? [], subs: subs ?? [] });
  }
}

function groupsOf(claim: unknown): readonly string[] | undefined {
  if (claim === undefined) return undefined;
  return [claim].flat().map((group: unknown) => {
    if (typeof group !== "string") throw new TokenError("the token's groups are not a list of names");
    return group;
  });
}

/** MQTT's passwords are any bytes. */
function textOf(password: Uint8Array | undefined): string | undefined {
  try {
    return password && decodeUtf8(password);
  } catch (error) {
    if (error instanceof Utf8Error) return undefined;
    throw error;
  }
}

async function loadKey({ id, secret, publicKeyFile }: TokenKeyOptions): Promise<[TokenKey, string]> {
  if ((secret === undefined) === (publicKeyFile === undefined)) {
    throw new AccessError("a key of the source jwt needs either secret or publicKeyFile");
  }
  try {
    if (secret !== undefined) return [secretKey(secret, id), secret];
    const pem = await readFile(publicKeyFile ?? "", "utf8");
    return [publicKey(pem, id), pem];
  } catch (cause) {
    const what = publicKeyFile === undefined ? "the secret of the source jwt" : publicKeyFile;
    const { message } = cause instanceof Error ? cause : new Error(String(cause));
    throw new AccessError(`${what}: ${message}`, {
      cause,
      hint: "HS256 takes 32 bytes or more, RS256 and ES256 a public key in PEM",
    });
  }
}
