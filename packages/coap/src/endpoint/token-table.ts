import type { Instant, RandomSource } from "@isthmus/machine";
import type { CoapMessage } from "../codec/message.js";
import type { Peer } from "./endpoint.js";
import { binaryText } from "./operation-key.js";

/** Who waits for responses with a token. */
export interface TokenOwner<P extends Peer> {
  /** The only one whose responses count (RFC 7252 5.3.2); undefined when a group was asked. */
  readonly responder: P | undefined;
  /** @returns false when the message must be rejected. */
  receiveResponse(now: Instant, peer: P, message: CoapMessage): boolean;
}

/** RFC 7252 5.3.1: at least 32 bits of randomness, for a client on the open Internet without security. */
const TOKEN_LENGTH = 4;

/** The tokens in use, and who waits for each (RFC 7252 5.3). */
export class TokenTable<P extends Peer> {
  readonly #random: RandomSource;
  readonly #ownerByToken = new Map<string, TokenOwner<P>>();

  constructor(random: RandomSource) {
    this.#random = random;
  }

  get size(): number {
    return this.#ownerByToken.size;
  }

  /** A new token for `owner`, unlike all in use. */
  issue(owner: TokenOwner<P>): Uint8Array {
    const token = new Uint8Array(TOKEN_LENGTH);
    let text: string;
    do {
      new DataView(token.buffer).setUint32(0, this.#random.nextUint32());
      text = binaryText(token);
    } while (this.#ownerByToken.has(text));
    this.#ownerByToken.set(text, owner);
    return token;
  }

  /** Puts a token of the application's choice in use. @returns false when it is. */
  claim(token: Uint8Array, owner: TokenOwner<P>): boolean {
    const text = binaryText(token);
    if (this.#ownerByToken.has(text)) return false;
    this.#ownerByToken.set(text, owner);
    return true;
  }

  find(token: Uint8Array): TokenOwner<P> | undefined {
    return this.#ownerByToken.get(binaryText(token));
  }

  /** `owner` no longer uses the token; nothing happens when it does not. */
  release(token: Uint8Array, owner: TokenOwner<P>): void {
    const text = binaryText(token);
    if (this.#ownerByToken.get(text) === owner) this.#ownerByToken.delete(text);
  }
}
