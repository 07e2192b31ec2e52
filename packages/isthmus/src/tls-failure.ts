/** OpenSSL's word for a failure of TLS, without the places of its source code; undefined for any other error. */
export function tlsReason(error: Error): string | undefined {
  const isTls = "code" in error && String(error.code).startsWith("ERR_SSL_");
  return isTls && "reason" in error && typeof error.reason === "string" ? error.reason : undefined;
}

/** How a command names what TLS wants of its user. */
export interface TlsFlags {
  readonly authority: string;
  readonly certificate: string;
  readonly insecure: string;
}

/** What to try when TLS has failed with `code`, an error code of Node or OpenSSL; undefined for any other code. */
export function tlsHint(code: string, { authority, certificate, insecure }: TlsFlags): string | undefined {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the server's certificate is for other names than the one asked for: use one of them, or ${insecure}`;
  }
  if (/^ERR_SSL_.*CERTIFICATE_REQUIRED$|^ERR_SSL_.*HANDSHAKE_FAILURE$/.test(code)) {
    return `the server may want a certificate: ${certificate}`;
  }
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG") {
    return "the server does not speak TLS at this port";
  }
  if (code === "CERT_HAS_EXPIRED") return "the server's certificate is no longer valid: it has to be renewed";
  if (code === "CERT_NOT_YET_VALID")
    return "the server's certificate is not valid yet: is the clock of this machine right?";
  if (code === "CERT_REVOKED") return "whoever issued the server's certificate has taken it back";
  // What OpenSSL says of chains that lead to nobody who is trusted.
  return /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_)/.test(code)
    ? `who vouches for the server is not trusted: ${authority} names the authority, ${insecure} trusts anybody`
    : undefined;
}
