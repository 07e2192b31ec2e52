import { ReasonCode } from "@isthmus/mqtt/codec";
import type { ClientCertificate, Credentials, Identity } from "../access.js";
import type { Finding, IdentitySource } from "../identity-source.js";

/** Takes the user name from the certificate that a client has shown on a TLS listener. */
export interface CertificateSourceOptions {
  readonly type: "certificate";
  /**
   * What of it is the user name: the subject's common name, the first subject alternative name (without its `DNS:` or
   * `URI:`), or the SHA-256 fingerprint. Default: "commonName".
   */
  readonly user?: "commonName" | "alternativeName" | "fingerprint" | undefined;
}

/** TLS has checked the certificate; this says whose it is. A user name in CONNECT must be the same, if there is one. */
export class CertificateSource implements IdentitySource {
  readonly kind = "certificate";
  readonly summary = "users with a client certificate";
  readonly #field: NonNullable<CertificateSourceOptions["user"]>;

  constructor({ user = "commonName" }: CertificateSourceOptions) {
    this.#field = user;
  }

  identify({ certificate, user: claimed }: Credentials): Finding {
    if (certificate === undefined) return undefined;
    const user = nameOf(certificate, this.#field);
    if (user === undefined || user === "") {
      return { reasonCode: ReasonCode.notAuthorized, reason: `the client's certificate has no ${this.#field}` };
    }
    if (claimed !== undefined && claimed !== user) {
      return { reasonCode: ReasonCode.notAuthorized, reason: "the user name is not that of the certificate" };
    }
    return { user, source: this.kind };
  }

  /** Its connection was checked when it was opened; a revocation list that grows is checked by TLS. */
  mayStay(_identity: Identity): boolean {
    return true;
  }
}

function nameOf(
  certificate: ClientCertificate,
  field: NonNullable<CertificateSourceOptions["user"]>,
): string | undefined {
  switch (field) {
    case "commonName":
      return certificate.commonName;
    case "alternativeName":
      return certificate.alternativeNames[0]?.replace(/^[^:]*:/, "");
    case "fingerprint":
      return certificate.fingerprint;
  }
}
