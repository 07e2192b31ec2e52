import type { CertificateSourceOptions } from "./sources/certificate-source.js";
import type { HttpSourceOptions } from "./sources/http-source.js";
import type { JwtSourceOptions } from "./sources/jwt-source.js";
import type { PasswordSourceOptions } from "./sources/password-source.js";
import type { SignInDelayOptions } from "./sign-in-delay.js";
import type { AccessRule } from "./rules/access-rule.js";

/** Where the hub learns who somebody is. Sources are asked in order; the first that knows the user decides. */
export type SourceOptions = PasswordSourceOptions | CertificateSourceOptions | JwtSourceOptions | HttpSourceOptions;

/** Users who share rules. */
export interface GroupOptions {
  readonly name: string;
  readonly users: readonly string[];
}

/** Who may connect, and what they may do; for the hub, and for a listener that is to differ. */
export interface AccessOptions {
  /** Whether clients without credentials are let in. Default: only on loopback addresses, while there are no sources. */
  readonly allowAnonymous?: boolean | undefined;
  /** Default: none, thus no users. */
  readonly sources?: readonly SourceOptions[] | undefined;
  /** Default: none, thus everything is allowed to who is let in. With rules, what none allows is denied. */
  readonly rules?: readonly AccessRule[] | undefined;
  readonly groups?: readonly GroupOptions[] | undefined;
  /**
   * Which client identifiers MQTT clients may choose. "own": the user name, or one that begins with it and a colon, as
   * `anna:phone`; anonymous clients get theirs from the hub. So nobody takes over another user's session, and `%c` is
   * as good as `%u`. Default "any".
   */
  readonly clientIds?: "any" | "own" | undefined;
  /** How those who try passwords are slowed down; for the whole hub. */
  readonly signInDelay?: SignInDelayOptions | undefined;
}

/** A listener as far as access is concerned. */
export interface ListenerAccess {
  /** See {@link Credentials.listener}. */
  readonly name: string;
  /** Whether only this machine reaches it. */
  readonly isLocal: boolean;
  /** What differs from the hub's own settings. */
  readonly access?: AccessOptions | undefined;
}
