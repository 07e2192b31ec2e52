import { readFile } from "node:fs/promises";
import type { SecureContextOptions, TlsOptions as NodeTlsOptions } from "node:tls";
import type { TlsOptions } from "./tls-options.js";

/** TLS that cannot be set up: which file is to blame, and what to do about it. */
export class TlsError extends Error {
  override readonly name = "TlsError";
  readonly hint: string | undefined;

  constructor(message: string, options: ErrorOptions & { readonly hint?: string | undefined } = {}) {
    super(message, options);
    this.hint = options.hint;
  }
}

/** Clients that do not finish their handshake are sent away. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Reads the files and tries them.
 *
 * @returns what `tls.createServer` and `setSecureContext` take.
 * @throws TlsError
 */
export async function loadTlsContext(options: TlsOptions): Promise<NodeTlsOptions> {
  const { certFile, keyFile, caFile, crlFile } = options;
  const clientCertificate = options.clientCertificate ?? (caFile === undefined ? "none" : "required");
  if (clientCertificate !== "none" && caFile === undefined) {
    throw new TlsError("client certificates are asked for, and no authority is named that they should come from", {
      hint: "name the file with the authority's certificate",
    });
  }
  const context: SecureContextOptions = {
    cert: await readPem("certificate", certFile),
    key: await readPem("key", keyFile),
    ca: caFile === undefined ? undefined : await readPem("certificate of the authority", caFile),
    crl: crlFile === undefined ? undefined : await readPem("revocation list", crlFile),
    passphrase: options.keyPassphrase,
    minVersion: options.minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2",
    ciphers: options.ciphers,
  };
  tryContext(context, options);
  return {
    ...context,
    requestCert: clientCertificate !== "none",
    rejectUnauthorized: clientCertificate === "required",
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
}

async function readPem(what: string, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    // What node:fs rejects with has a code.
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      throw new TlsError(`there is no file ${file}, which should hold the ${what}`, {
        cause,
        hint: "docs/access.md shows how to make certificates with openssl",
      });
    }
    if (code === "EACCES") {
      throw new TlsError(`the ${what} in ${file} may not be read`, {
        cause,
        hint: "let the user who runs the hub read it",
      });
    }
    throw new TlsError(`the ${what} in ${file} cannot be read: ${message}`, { cause });
  }
}

function tryContext(context: SecureContextOptions, { certFile, keyFile, caFile, crlFile }: TlsOptions): void {
  const { createSecureContext } = process.getBuiltinModule("node:tls");
  // One after the other, so that the error is about one file.
  const parts: readonly (readonly [SecureContextOptions, string])[] = [
    [{ cert: context.cert }, `${certFile} is not a certificate in PEM form`],
    [{ key: context.key, passphrase: context.passphrase }, `${keyFile} is not a key in PEM form that can be opened`],
    [{ crl: context.crl }, `${crlFile} is not a revocation list in PEM form`],
    [
      { cert: context.cert, key: context.key, passphrase: context.passphrase },
      `${keyFile} is not the key of ${certFile}`,
    ],
    [context, `TLS cannot be set up with ${certFile}`],
  ];
  for (const [part, problem] of parts) attempt(problem, () => createSecureContext(part));
  // Of authorities, OpenSSL passes over what is none.
  if (context.ca !== undefined) {
    const { X509Certificate } = process.getBuiltinModule("node:crypto");
    attempt(`${caFile} is not a certificate in PEM form`, () => new X509Certificate(String(context.ca)));
  }
}

function attempt(problem: string, use: () => unknown): void {
  try {
    use();
  } catch (cause) {
    const { message } = cause instanceof Error ? cause : new Error(String(cause));
    throw new TlsError(`${problem} (${message})`, { cause, hint: hintOf(message) });
  }
}

function hintOf(message: string): string | undefined {
  return /bad decrypt|passphrase|password/i.test(message)
    ? "give the passphrase of the key, or a key without one"
    : undefined;
}
