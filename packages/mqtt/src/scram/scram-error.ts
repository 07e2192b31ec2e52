/** Why a SCRAM exchange failed: `server-error-value` of RFC 5802 7, as it goes over the wire. */
export type ScramErrorValue =
  | "invalid-encoding"
  | "extensions-not-supported"
  | "invalid-proof"
  | "channel-bindings-dont-match"
  | "server-does-support-channel-binding"
  | "channel-binding-not-supported"
  | "unsupported-channel-binding-type"
  | "unknown-user"
  | "invalid-username-encoding"
  | "no-resources"
  | "other-error";

/** A SCRAM exchange failed: the peer does not know the secret, or does not speak the protocol. */
export class ScramError extends Error {
  override readonly name = "ScramError";
  /** The word that RFC 5802 has for it. */
  readonly value: ScramErrorValue;

  constructor(value: ScramErrorValue, message: string, options?: ErrorOptions) {
    super(message, options);
    this.value = value;
  }
}
