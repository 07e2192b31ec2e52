/** TLS of a listener. Files are PEM; they are read again when the hub is told to reload. */
export interface TlsOptions {
  /** The server's certificate, and behind it those that lead to an authority. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Opens an encrypted key. */
  readonly keyPassphrase?: string | undefined;
  /** The authorities whose client certificates are accepted. Default: none, so that clients show no certificate. */
  readonly caFile?: string | undefined;
  /** Whether a client has to show a certificate. Default: "required" with `caFile`, else "none". */
  readonly clientCertificate?: "none" | "optional" | "required" | undefined;
  /** Client certificates that are revoked. */
  readonly crlFile?: string | undefined;
  /** Default TLS 1.2; older ones are not spoken. */
  readonly minVersion?: "1.2" | "1.3" | undefined;
  /** Cipher suites in OpenSSL's notation. Default: Node's. */
  readonly ciphers?: string | undefined;
}
