/** Why bytes are not a message. */
export type FormatFault =
  | "short-header"
  | "unknown-version"
  | "reserved-code-class"
  | "empty-not-empty"
  | "token-length"
  | "token-short"
  | "option-header"
  | "option-short"
  | "option-number"
  | "too-many-options"
  | "no-payload"
  | "message-too-large";

/**
 * The bytes are not a well-formed CoAP message (RFC 7252 3).
 *
 * On a datagram transport a Confirmable one is rejected with a Reset, any other is ignored (RFC 7252 4.2, 4.3); on a
 * reliable one it ends the connection with an Abort (RFC 8323 5.6).
 */
export class MessageFormatError extends Error {
  override readonly name = "MessageFormatError";
  readonly fault: FormatFault;

  constructor(fault: FormatFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** The text is not a URI that CoAP can address (RFC 7252 6.4). */
export class CoapUriError extends SyntaxError {
  override readonly name = "CoapUriError";
}
