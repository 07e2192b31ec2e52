import { encodeUtf8 } from "@isthmus/bytes";
import { fromBase64, toBase64 } from "./base64.js";
import { ScramError } from "./scram-error.js";
import { equalSecrets, hmac, type ScramCredentials, sha256, xor } from "./scram-keys.js";
import { checkNonce, parseAttributes, takeAttributes, textOf, unescapeName } from "./scram-message.js";

/** `gs2-header client-first-message-bare` of RFC 5802 7: channel binding, who to act as, and the rest. */
const FIRST_MESSAGE = /^((?:(p)=[^,]*|[ny]),(?:a=([^,]*))?,)(.*)$/s;

/**
 * The server's side of one SCRAM-SHA-256 exchange (RFC 5802, RFC 7677), one step after the other:
 *
 * ```
 * receiveFirst(client's first message) -> the user name; look its credentials up
 * challenge(credentials)               -> the server's first message
 * receiveFinal(client's last message)  -> the server's last message: the client is who it says it is
 * ```
 *
 * Each throws ScramError when the exchange has failed; {@link formatServerError} is what to tell the client of it. For
 * a name that is not known go on with `decoyCredentials`, so that nobody learns that it is not.
 */
export class ScramServer {
  readonly #nonce: string;
  #gs2Header = "";
  #firstBare = "";
  #challenge = "";
  #credentials: ScramCredentials | undefined;

  /** @param nonce printable ASCII without a comma, never used before: 18 random bytes in base64, for example. */
  constructor(nonce: string) {
    this.#nonce = checkNonce(nonce);
  }

  /** Takes the client's first message and returns the user name in it. */
  receiveFirst(data: Uint8Array | undefined): string {
    const found = FIRST_MESSAGE.exec(textOf(data));
    if (found === null) throw new ScramError("other-error", "not the first message of a client");
    const [, header = "", binding, authorizationIdentity, bare = ""] = found;
    if (binding !== undefined) throw new ScramError("channel-binding-not-supported", "no channel binding is supported");
    const [name, nonce] = takeAttributes(parseAttributes(bare), "n", "r");
    const username = unescapeName(name);
    if (username === "") throw new ScramError("invalid-username-encoding", "the user name is empty");
    if (authorizationIdentity !== undefined && unescapeName(authorizationIdentity) !== username) {
      throw new ScramError("other-error", "nobody may act as somebody else");
    }
    this.#gs2Header = header;
    this.#firstBare = bare;
    this.#challenge = `r=${checkNonce(nonce)}${this.#nonce}`;
    return username;
  }

  /** The server's first message, for the user with these credentials. */
  challenge(credentials: ScramCredentials): Uint8Array {
    const { salt, iterations } = credentials;
    this.#credentials = credentials;
    this.#challenge += `,s=${toBase64(salt)},i=${iterations}`;
    return encodeUtf8(this.#challenge);
  }

  /** Takes the client's last message, which proves who it is, and returns the server's. */
  async receiveFinal(data: Uint8Array | undefined): Promise<Uint8Array> {
    const message = textOf(data);
    const credentials = this.#credentials;
    if (credentials === undefined) throw new ScramError("other-error", "the last message came before the challenge");
    const attributes = parseAttributes(message);
    const [binding, nonce] = takeAttributes(attributes, "c", "r");
    const [last, proof] = attributes.at(-1) ?? [];
    if (last !== "p" || proof === undefined) throw new ScramError("other-error", "no proof at the end");
    if (binding !== toBase64(encodeUtf8(this.#gs2Header))) {
      throw new ScramError("channel-bindings-dont-match", "the header has changed between the messages");
    }
    if (!this.#challenge.startsWith(`r=${nonce},`)) throw new ScramError("other-error", "the nonce is another one");

    const withoutProof = message.slice(0, message.lastIndexOf(",p="));
    const authMessage = encodeUtf8(`${this.#firstBare},${this.#challenge},${withoutProof}`);
    const clientSignature = await hmac(credentials.storedKey, authMessage);
    const clientProof = fromBase64(proof);
    const clientKey = xor(clientProof, clientSignature);
    if (
      clientProof.length !== clientSignature.length ||
      !equalSecrets(await sha256(clientKey), credentials.storedKey)
    ) {
      throw new ScramError("invalid-proof", "the client does not know the password");
    }
    return encodeUtf8(`v=${toBase64(await hmac(credentials.serverKey, authMessage))}`);
  }
}

/** The server's last message when the exchange has failed. A name that is not known is told as a wrong password. */
export function formatServerError({ value }: ScramError): Uint8Array {
  return encodeUtf8(`e=${value === "unknown-user" ? "invalid-proof" : value}`);
}
