import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** A certificate and its key, in files. */
export interface Issued {
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority made for a test, in a folder of its own. It needs openssl. */
export class TestAuthority {
  readonly folder = mkdtempSync(path.join(tmpdir(), "isthmus-tls-"));
  readonly caFile: string;
  readonly #keyFile: string;
  #count = 0;

  constructor(name = "authority") {
    this.caFile = this.#path(`${name}.crt`);
    this.#keyFile = this.#path(`${name}.key`);
    this.#openssl(
      "req",
      "-x509",
      ...KEY,
      "-subj",
      `/CN=${name}`,
      "-days",
      "2",
      "-keyout",
      this.#keyFile,
      "-out",
      this.caFile,
    );
    writeFileSync(this.#path("index"), "");
    writeFileSync(
      this.#path("ca.conf"),
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${this.#path("index")}\ndefault_md=sha256\ndefault_crl_days=2\n`,
    );
  }

  issue(commonName: string, alternativeNames = "DNS:localhost,IP:127.0.0.1"): Issued {
    const base = `${commonName || "nobody"}-${++this.#count}`;
    const certFile = this.#path(`${base}.crt`);
    const keyFile = this.#path(`${base}.key`);
    const requestFile = this.#path(`${base}.csr`);
    const extensionFile = this.#path(`${base}.ext`);
    writeFileSync(extensionFile, `subjectAltName=${alternativeNames}\n`);
    const subject = commonName === "" ? "/O=nobody" : `/CN=${commonName}`;
    this.#openssl("req", ...KEY, "-subj", subject, "-keyout", keyFile, "-out", requestFile);
    this.#openssl(
      "x509",
      "-req",
      "-in",
      requestFile,
      "-CA",
      this.caFile,
      "-CAkey",
      this.#keyFile,
      "-CAcreateserial",
      "-days",
      "2",
      "-extfile",
      extensionFile,
      "-out",
      certFile,
    );
    return { certFile, keyFile };
  }

  /** Writes a list with what was revoked up to now. */
  revoke(...revoked: readonly Issued[]): string {
    const crlFile = this.#path("revoked.crl");
    const own = ["-config", this.#path("ca.conf"), "-cert", this.caFile, "-keyfile", this.#keyFile];
    for (const { certFile } of revoked) this.#openssl("ca", ...own, "-revoke", certFile);
    this.#openssl("ca", ...own, "-gencrl", "-out", crlFile);
    return crlFile;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #path(name: string): string {
    return path.join(this.folder, name);
  }

  #openssl(...args: readonly string[]): void {
    execFileSync("openssl", args, { stdio: "pipe" });
  }
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
