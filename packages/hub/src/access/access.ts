import type { Topic } from "@isthmus/exchange";
import { ReasonCode } from "@isthmus/mqtt/codec";
import type { AccessRule } from "./rules/access-rule.js";

/** The certificate that a client has shown, which TLS has checked against the listener's authorities. */
export interface ClientCertificate {
  /** CN of the subject. */
  readonly commonName: string | undefined;
  /** Its subject alternative names: `DNS:pump.example`, `URI:urn:dev:1`, `email:...`. */
  readonly alternativeNames: readonly string[];
  /** SHA-256 of the certificate, as lower-case hexadecimal digits without colons. */
  readonly fingerprint: string;
}

/** What somebody brings to be let in, by whatever door. */
export interface Credentials {
  readonly door: "mqtt" | "coap" | "http";
  /** The listener that they came in by; each may have rules of its own. */
  readonly listener: string;
  /** Address and port, as they stand in logs. */
  readonly address: string;
  readonly clientId?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: Uint8Array | undefined;
  /** A bearer token (RFC 6750). */
  readonly token?: string | undefined;
  readonly certificate?: ClientCertificate | undefined;
}

/** Who somebody turned out to be. */
export interface Identity {
  /** The user name; undefined for an anonymous client. */
  readonly user: string | undefined;
  /** `%c` of the rules. */
  readonly clientId?: string | undefined;
  /** The listener that they came in by; undefined: the rules of the hub apply. */
  readonly listener?: string | undefined;
  /** Groups that the credentials told of, beside those that the settings put the user in. */
  readonly groups?: readonly string[] | undefined;
  /** Rules that the credentials brought along, for this identity alone. */
  readonly rules?: readonly AccessRule[] | undefined;
  /** When the credentials cease to hold, in milliseconds since 1970. */
  readonly expiresAt?: number | undefined;
  /** Which kind of source has vouched for the user. */
  readonly source?: string | undefined;
  /** The source's own: what it has checked, to tell later whether that still holds. Never logged. */
  readonly credential?: unknown;
}

/** Why somebody was not let in: the reason code to send, and what the log says. */
export interface Refusal {
  readonly reasonCode: number;
  readonly reason: string;
}

export type Verdict = Identity | Refusal;

/** What follows on a message of a client's: the next one to it, or the end. */
export type AuthenticationStep =
  | { readonly type: "continue"; readonly data: Uint8Array }
  | { readonly type: "success"; readonly identity: Identity; readonly data: Uint8Array }
  | ({ readonly type: "failure" } & Refusal);

/** One authentication exchange of several messages, as MQTT 5.0 carries it (4.12). */
export interface AuthenticationExchange {
  /** Takes the client's next message. The promise does not reject; nothing follows on success or failure. */
  receive(data: Uint8Array | undefined): Promise<AuthenticationStep>;
}

/** What the hub asks before it lets anybody in or anything through. */
export interface Access {
  /** One sentence that says who can connect, shown at the start. */
  readonly summary: string;
  /** Grows when users or rules change: what was remembered of earlier answers is out of date. */
  readonly version: number;
  /** At once where that can be told at once. The promise does not reject. */
  authenticate(credentials: Credentials): Verdict | Promise<Verdict>;
  /** Begins an exchange by a method such as SCRAM-SHA-256; undefined when nobody can be known by it. */
  beginExchange(method: string, credentials: Credentials): AuthenticationExchange | undefined;
  mayPublish(identity: Identity, topic: Topic): boolean;
  /** @param filter without any share prefix. */
  maySubscribe(identity: Identity, filter: string): boolean;
  /** Whether messages on `topic` may be delivered; asked when a route is compiled, and for retained messages. */
  mayRead(identity: Identity, topic: string): boolean;
  /** Why somebody who was let in before is to leave; undefined when all is well. Asked after a change. */
  mayStay(identity: Identity): Refusal | undefined;
  /**
   * Whether the identity may use the management API and `/metrics`: a member of {@link ADMINISTRATORS}, or anybody where
   * no users are known and only this machine gets in.
   */
  isAdministrator(identity: Identity): boolean;
  /** Calls `handleChange` whenever {@link version} has grown. */
  watch(handleChange: () => void): void;
}

/** Lets in everybody or nobody: what there is while neither users nor rules are configured. */
export class AnonymousAccess implements Access {
  readonly summary: string;
  readonly version = 1;
  readonly #isAllowed: boolean;
  readonly #isLocal: boolean;

  /** @param isLocal whether only this machine reaches the doors. */
  constructor(isAllowed: boolean, isLocal: boolean) {
    this.#isAllowed = isAllowed;
    this.#isLocal = isLocal;
    const who = isLocal ? "anyone on this machine" : "anyone who reaches these addresses";
    this.summary = isAllowed ? `${who} may publish and subscribe` : "nobody may connect";
  }

  authenticate(): Verdict {
    if (this.#isAllowed) return { user: undefined };
    return { reasonCode: ReasonCode.notAuthorized, reason: "anonymous clients are not allowed" };
  }

  beginExchange(): undefined {
    return undefined;
  }

  mayPublish(_identity: Identity, topic: Topic): boolean {
    return !isOwnTopic(topic.name);
  }

  maySubscribe(): boolean {
    return true;
  }

  mayRead(): boolean {
    return true;
  }

  mayStay(): undefined {
    return undefined;
  }

  isAdministrator(): boolean {
    return this.#isAllowed && this.#isLocal;
  }

  watch(): void {
    // Nothing ever changes.
  }
}

/** {@link Identity.source} of parts of the hub itself. */
export const HUB_SOURCE = "hub";

/** The group whose members may use the management API. */
export const ADMINISTRATORS = "admin";

/** Topics that are the hub's own to write: its status, and what there was. */
export function isOwnTopic(topic: string): boolean {
  return topic.startsWith("$SYS/") || topic.startsWith("$history/");
}
