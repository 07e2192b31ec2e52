import { ReasonCode } from "@isthmus/mqtt/codec";
import { SCRAM_SHA_256, ScramError, ScramServer } from "@isthmus/mqtt/scram";
import { hostOf } from "../listeners/peer.js";
import type { AuthenticationExchange, AuthenticationStep, Credentials, Identity, Refusal } from "./access.js";
import { WRONG_CREDENTIALS } from "./access-policy.js";
import type { ScramUsers } from "./identity-source.js";
import { delay, type SignInDelay, TRIED_TOO_OFTEN } from "./sign-in-delay.js";

const NONCE_BYTES = 18;

/** What an exchange asks of access control. */
export interface ScramContext {
  readonly users: ScramUsers;
  readonly signInDelay: SignInDelay;
  /** Why somebody who has proven who they are is not let in all the same. */
  check(identity: Identity): Refusal | undefined;
}

/** A client logs in by SCRAM-SHA-256 (RFC 5802, RFC 7677): it proves that it knows the password, and so does the hub. */
export class ScramExchange implements AuthenticationExchange {
  readonly #context: ScramContext;
  readonly #credentials: Credentials;
  readonly #server = new ScramServer(newNonce());
  #user = "";
  /** Undefined until the first message has come, and for a user who is not known. */
  #identity: Identity | undefined;
  #step: "first" | "final" | "over" = "first";

  constructor(context: ScramContext, credentials: Credentials) {
    this.#context = context;
    this.#credentials = credentials;
  }

  async receive(data: Uint8Array | undefined): Promise<AuthenticationStep> {
    const step = this.#step;
    try {
      switch (step) {
        case "first":
          this.#step = "final";
          return await this.#challenge(data);
        case "final":
          this.#step = "over";
          return await this.#check(data);
        case "over":
          throw new ScramError("other-error", "nothing follows on the client's last message");
      }
    } catch (error) {
      if (!(error instanceof ScramError)) throw error;
      return this.#fail(error);
    }
  }

  async #challenge(data: Uint8Array | undefined): Promise<AuthenticationStep> {
    this.#user = this.#server.receiveFirst(data);
    const known = this.#context.users.find(this.#user);
    this.#identity = known?.identity;
    const scram = known?.credentials ?? (await this.#context.users.decoy(this.#user));
    return { type: "continue", data: this.#server.challenge(scram) };
  }

  async #check(data: Uint8Array | undefined): Promise<AuthenticationStep> {
    const { address, clientId, listener } = this.#credentials;
    const host = hostOf(address);
    const waitMs = this.#context.signInDelay.take(host, this.#user, performance.now());
    if (waitMs === undefined) return { type: "failure", ...TRIED_TOO_OFTEN };
    if (waitMs > 0) await delay(waitMs);
    const answer = await this.#server.receiveFinal(data);
    // Nobody can prove to know a decoy's password.
    if (this.#identity === undefined) throw new ScramError("unknown-user", "there is no such user");
    this.#context.signInDelay.noteSuccess(host, this.#user);
    const refusal = this.#context.check(this.#identity);
    if (refusal !== undefined) return { type: "failure", ...refusal };
    return { type: "success", identity: { clientId, listener, ...this.#identity }, data: answer };
  }

  /** A wrong password and an unknown user look the same; what is no SCRAM at all is told. */
  #fail({ value, message }: ScramError): AuthenticationStep {
    this.#step = "over";
    if (value !== "invalid-proof" && value !== "unknown-user") {
      return { type: "failure", reasonCode: ReasonCode.notAuthorized, reason: `${SCRAM_SHA_256}: ${message}` };
    }
    this.#context.signInDelay.noteFailure(hostOf(this.#credentials.address), this.#user, performance.now());
    return { type: "failure", ...WRONG_CREDENTIALS };
  }
}

/** Without node:crypto, which takes three megabytes that a hub may have no other use for. */
function newNonce(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(NONCE_BYTES))).toString("base64");
}
