import { encodeUtf8 } from "@isthmus/bytes";
import { fromBase64, toBase64 } from "./base64.js";
import { saslprep } from "./saslprep.js";
import { ScramError } from "./scram-error.js";
import { deriveKeys, equalSecrets, hmac, LEAST_ITERATIONS, xor } from "./scram-keys.js";
import { checkNonce, escapeName, parseAttributes, takeAttributes, textOf } from "./scram-message.js";

/** Who logs in, and what the client puts up with. */
export interface ScramClientOptions {
  readonly username: string;
  readonly password: string;
  /** Printable ASCII without a comma, never used before: 18 random bytes in base64, for example. */
  readonly nonce: string;
  /** The most rounds that the server may ask for; each costs time. Default 1,000,000. */
  readonly maxIterations?: number | undefined;
}

/** No channel binding (RFC 5802 7): the header, and what `c` says of it later. */
const GS2_HEADER = "n,,";
const CHANNEL_BINDING = "biws";

/**
 * The client's side of one SCRAM-SHA-256 exchange (RFC 5802, RFC 7677): neither side shows the password, and each
 * proves that it knows it.
 *
 * ```
 * first()   -> n,,n=user,r=nonce
 *              r=nonce and more,s=salt,i=iterations -> final()
 *           -> c=biws,r=nonce and more,p=proof
 *              v=signature -> verify()
 * ```
 */
export class ScramClient {
  readonly #options: ScramClientOptions;
  readonly #firstBare: string;
  /** What the server's last message must be, from the moment when all is known that goes into it. */
  #serverSignature: Uint8Array | undefined;

  /** @throws RangeError for a user name or password that may not be one (RFC 4013). */
  constructor(options: ScramClientOptions) {
    this.#options = { ...options, nonce: checkNonce(options.nonce), password: saslprep(options.password) };
    this.#firstBare = `n=${escapeName(saslprep(options.username))},r=${options.nonce}`;
  }

  /** The first message. */
  first(): Uint8Array {
    return encodeUtf8(GS2_HEADER + this.#firstBare);
  }

  /**
   * The answer to the server's first message.
   *
   * @throws ScramError when the server's message is not one, does not answer ours, or asks for too little or too much.
   */
  async final(serverFirst: Uint8Array | undefined): Promise<Uint8Array> {
    const challenge = textOf(serverFirst);
    const [nonce, salt, count] = takeAttributes(parseAttributes(challenge), "r", "s", "i");
    const { nonce: own, password } = this.#options;
    if (!checkNonce(nonce).startsWith(own) || nonce === own) {
      throw new ScramError("other-error", "the server's nonce does not go on from ours");
    }
    const keys = await deriveKeys(password, fromBase64(salt), this.#parseIterations(count));
    const finalWithoutProof = `c=${CHANNEL_BINDING},r=${nonce}`;
    const authMessage = encodeUtf8(`${this.#firstBare},${challenge},${finalWithoutProof}`);
    const proof = xor(keys.clientKey, await hmac(keys.storedKey, authMessage));
    this.#serverSignature = await hmac(keys.serverKey, authMessage);
    return encodeUtf8(`${finalWithoutProof},p=${toBase64(proof)}`);
  }

  /** Takes the server's last message. @throws ScramError unless it proves that the server knows the password too. */
  verify(serverFinal: Uint8Array | undefined): void {
    const attributes = parseAttributes(textOf(serverFinal));
    const [name, value] = attributes[0] ?? [];
    if (name === "e") throw new ScramError("other-error", `the server says: ${value}`);
    const [signature] = takeAttributes(attributes, "v");
    const expected = this.#serverSignature;
    if (expected === undefined || !equalSecrets(fromBase64(signature), expected)) {
      throw new ScramError("invalid-proof", "the server does not know the password");
    }
  }

  #parseIterations(text: string): number {
    const { maxIterations = 1_000_000 } = this.#options;
    const iterations = /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : Number.NaN;
    if (iterations >= LEAST_ITERATIONS && iterations <= maxIterations) return iterations;
    throw new ScramError("other-error", `${text} iterations are not from ${LEAST_ITERATIONS} to ${maxIterations}`);
  }
}
