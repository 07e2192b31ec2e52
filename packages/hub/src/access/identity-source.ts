import type { ScramCredentials } from "@isthmus/mqtt/scram";
import type { Credentials, Identity, Refusal } from "./access.js";

/** What a source makes of credentials: who they belong to, why not, or undefined: they are not for this source. */
export type Finding = Identity | Refusal | undefined;

/** Users who can log in by SCRAM-SHA-256. */
export interface ScramUsers {
  find(user: string): { readonly credentials: ScramCredentials; readonly identity: Identity } | undefined;
  /** What to go on with for a user who is not there: the same each time, and as real ones are. */
  decoy(user: string): Promise<ScramCredentials>;
}

/** Something that knows users. Loaded from its options, and anew when the settings are read again. */
export interface IdentitySource {
  /** Its name in logs, and {@link Identity.source}. */
  readonly kind: string;
  /** For the line at the start: `2 users of /etc/isthmus/users`. */
  readonly summary: string;
  /** At once where that can be told at once. The promise does not reject. */
  identify(credentials: Credentials): Finding | Promise<Finding>;
  /** Whether this password has been right before, which costs next to nothing to tell. Default: nothing is remembered. */
  remembers?(credentials: Credentials): boolean;
  /** What SCRAM-SHA-256 needs of its users; undefined when it has none who can log in so. */
  readonly scram?: ScramUsers | undefined;
  /** Whether somebody who was let in by the source of the settings before is still welcome. */
  mayStay(identity: Identity): boolean;
}

/** Settings that cannot be used: what is wrong, and what to do about it. */
export class AccessError extends Error {
  override readonly name = "AccessError";
  readonly hint: string | undefined;

  constructor(message: string, options: ErrorOptions & { readonly hint?: string } = {}) {
    super(message, options);
    this.hint = options.hint;
  }
}
