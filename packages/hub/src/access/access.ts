import type { Topic } from "@isthmus/exchange";
import { ReasonCode } from "@isthmus/mqtt/codec";

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
}

/** Who somebody turned out to be. */
export interface Identity {
  /** The user name; undefined for an anonymous client. */
  readonly user: string | undefined;
}

/** Why somebody was not let in: the reason code to send, and what the log says. */
export interface Refusal {
  readonly reasonCode: number;
  readonly reason: string;
}

/** What the hub asks before it lets anybody in or anything through. */
export interface Access {
  /** One sentence that says who can connect, shown at the start. */
  readonly summary: string;
  authenticate(credentials: Credentials): Identity | Refusal;
  mayPublish(identity: Identity, topic: Topic): boolean;
  maySubscribe(identity: Identity, filter: string): boolean;
}

/** Lets in everybody or nobody: what there is while no users are configured. */
export class AnonymousAccess implements Access {
  readonly summary: string;
  readonly #isAllowed: boolean;

  /** @param isLocal whether only this machine reaches the doors. */
  constructor(isAllowed: boolean, isLocal: boolean) {
    this.#isAllowed = isAllowed;
    const who = isLocal ? "anyone on this machine" : "anyone who reaches these addresses";
    this.summary = isAllowed ? `${who} may publish and subscribe` : "nobody may connect";
  }

  authenticate(): Identity | Refusal {
    if (this.#isAllowed) return { user: undefined };
    return { reasonCode: ReasonCode.notAuthorized, reason: "anonymous clients are not allowed" };
  }

  /** Status topics are the hub's own to write. */
  mayPublish(_identity: Identity, topic: Topic): boolean {
    return !topic.name.startsWith("$SYS/");
  }

  maySubscribe(): boolean {
    return true;
  }
}
