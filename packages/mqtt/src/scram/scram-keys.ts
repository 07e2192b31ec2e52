import { encodeUtf8 } from "@isthmus/bytes";
import { saslprep } from "./saslprep.js";

/** What a server keeps of a password (RFC 5802 3): who reads it can check a client, but not log in as one. */
export interface ScramCredentials {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** The keys that both sides derive from the password (RFC 5802 3). */
export interface ScramKeys {
  readonly clientKey: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** RFC 7677 4 asks for at least as many. */
export const LEAST_ITERATIONS = 4096;

/**
 * What to keep of a password, for SCRAM-SHA-256.
 *
 * @param salt random, 16 bytes or more, another one for each user
 * @param iterations 4,096 or more; each doubles the work of who guesses, and of each client that connects
 * @throws RangeError for fewer iterations, or a password that may not be one (RFC 4013).
 */
export async function deriveScramCredentials(
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<ScramCredentials> {
  if (!Number.isInteger(iterations) || iterations < LEAST_ITERATIONS) {
    throw new RangeError(`${iterations} iterations are not ${LEAST_ITERATIONS} or more`);
  }
  const { storedKey, serverKey } = await deriveKeys(password, salt, iterations);
  return { salt, iterations, storedKey, serverKey };
}

/**
 * Credentials that no password belongs to, for a user name that is not known: the same ones each time, so that asking
 * does not tell who is known. Let `iterations` be what real users have.
 *
 * @param secret the server's own, 16 bytes or more
 */
export async function decoyCredentials(
  secret: Uint8Array,
  username: string,
  iterations: number,
): Promise<ScramCredentials> {
  const salt = (await hmac(secret, encodeUtf8(`salt of ${username}`))).subarray(0, 16);
  const storedKey = await hmac(secret, encodeUtf8(`stored key of ${username}`));
  const serverKey = await hmac(secret, encodeUtf8(`server key of ${username}`));
  return { salt, iterations, storedKey, serverKey };
}

export async function deriveKeys(password: string, salt: Uint8Array, iterations: number): Promise<ScramKeys> {
  const saltedPassword = await pbkdf2(encodeUtf8(saslprep(password)), salt, iterations);
  const clientKey = await hmac(saltedPassword, encodeUtf8("Client Key"));
  const serverKey = await hmac(saltedPassword, encodeUtf8("Server Key"));
  return { clientKey, storedKey: await sha256(clientKey), serverKey };
}

export async function hmac(key: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  const imported = await subtle().importKey("raw", owned(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle().sign("HMAC", imported, owned(data)));
}

export async function sha256(data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await subtle().digest("SHA-256", owned(data)));
}

/** `Hi` of RFC 5802 2.2. */
async function pbkdf2(password: Uint8Array, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  const imported = await subtle().importKey("raw", owned(password), "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt: owned(salt), iterations };
  return new Uint8Array(await subtle().deriveBits(parameters, imported, 256));
}

/** WebCrypto takes no view on shared memory. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** Browsers have WebCrypto on pages that came over HTTPS, or from the machine itself. */
function subtle(): typeof crypto.subtle {
  const found: typeof crypto.subtle | undefined = globalThis.crypto?.subtle;
  if (found === undefined) throw new TypeError("SCRAM needs WebCrypto, which a page has only in a secure context");
  return found;
}

/** The bytes of one with those of the other turned over: ClientKey XOR ClientSignature is the proof, and back. */
export function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}

/** Whether both are equal, in a time that tells nothing about where they differ. */
export function equalSecrets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && xor(a, b).reduce((difference, byte) => difference | byte, 0) === 0;
}
