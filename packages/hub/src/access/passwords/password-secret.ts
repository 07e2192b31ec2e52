import { createHash, pbkdf2, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import * as crypto from "node:crypto";
import { promisify } from "node:util";
import { decodeUtf8 } from "@isthmus/bytes";
import { deriveScramCredentials, type ScramCredentials } from "@isthmus/mqtt/scram";

/** What is kept of a password: enough to check it, and no more. */
export interface PasswordSecret {
  /** Takes time and memory by design, off the event loop. */
  verify(password: Uint8Array): Promise<boolean>;
  /** For SCRAM-SHA-256, if the secret was made for it. */
  readonly scram?: ScramCredentials | undefined;
}

/** A text that is no secret of a known kind. */
export class PasswordSecretError extends Error {
  override readonly name = "PasswordSecretError";
}

/** 2 to the power of it: 32 MiB and some 80 ms for each login. */
const DEFAULT_LOG_COST = 15;
const BLOCK_SIZE = 8;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const LEAST_HASH_BYTES = 16;
/** For one password: more is taken for a mistake. */
const MOST_SCRYPT_BYTES = 2 ** 30;

/** Each client that logs in by SCRAM does as many. */
const DEFAULT_SCRAM_ITERATIONS = 32_768;

/**
 * The secret of a new password, as scrypt hash in the PHC string format: `$scrypt$ln=15,r=8,p=1$salt$hash`.
 *
 * @param logCost memory and time double with each step; from 10 to 20.
 */
export async function hashPassword(password: string, logCost = DEFAULT_LOG_COST): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await deriveScrypt(
    Buffer.from(password),
    salt,
    { logCost, blockSize: BLOCK_SIZE, parallelism: 1 },
    HASH_BYTES,
  );
  return `$scrypt$ln=${logCost},r=${BLOCK_SIZE},p=1$${unpadded(salt)}$${unpadded(hash)}`;
}

/**
 * The secret of a new password for SCRAM-SHA-256 as RFC 5803 writes it: `SCRAM-SHA-256$iterations:salt$stored:server`.
 * It also checks passwords that are sent as they are.
 */
export async function deriveScramSecret(password: string, iterations = DEFAULT_SCRAM_ITERATIONS): Promise<string> {
  const { salt, storedKey, serverKey } = await deriveScramCredentials(password, randomBytes(SALT_BYTES), iterations);
  const [saltText, stored, server] = [salt, storedKey, serverKey].map((bytes) => Buffer.from(bytes).toString("base64"));
  return `SCRAM-SHA-256$${iterations}:${saltText}$${stored}:${server}`;
}

/**
 * Reads what {@link hashPassword} and {@link deriveScramSecret} write, argon2id in the PHC string format, and both kinds
 * of mosquitto_passwd (`$7$` PBKDF2-SHA512, `$6$` SHA512).
 *
 * @throws PasswordSecretError
 */
export function parseSecret(text: string): PasswordSecret {
  const kind = KINDS.find(({ pattern }) => pattern.test(text));
  const found = kind?.pattern.exec(text);
  if (kind === undefined || found === null || found === undefined) {
    throw new PasswordSecretError(
      "not a hash that is known: scrypt, argon2id, SCRAM-SHA-256, or mosquitto's $6$ or $7$",
    );
  }
  return kind.parse(found.slice(1));
}

interface Kind {
  readonly pattern: RegExp;
  parse(groups: readonly string[]): PasswordSecret;
}

const BASE64 = "([A-Za-z0-9+/]+={0,2})";

const KINDS: readonly Kind[] = [
  {
    pattern: new RegExp(`^\\$scrypt\\$ln=(\\d{1,2}),r=(\\d{1,2}),p=(\\d{1,2})\\$${BASE64}\\$${BASE64}$`),
    parse: ([logCost, blockSize, parallelism, salt, hash]) => {
      const cost = {
        logCost: bounded("ln", logCost, 20),
        blockSize: bounded("r", blockSize, 32),
        parallelism: bounded("p", parallelism, 16),
      };
      if (128 * 2 ** cost.logCost * cost.blockSize > MOST_SCRYPT_BYTES) {
        throw new PasswordSecretError(`scrypt with ln=${logCost} and r=${blockSize} takes more than 1 GiB`);
      }
      return hashed(hash, (password, length) => deriveScrypt(password, decode(salt), cost, length));
    },
  },
  {
    pattern: new RegExp(`^\\$argon2id\\$v=19\\$m=(\\d+),t=(\\d+),p=(\\d+)\\$${BASE64}\\$${BASE64}$`),
    parse: ([memory, passes, parallelism, salt, hash]) => {
      const cost = {
        memory: bounded("m", memory, 2 ** 20),
        passes: bounded("t", passes, 100),
        parallelism: bounded("p", parallelism, 16),
      };
      // RFC 9106 3.1
      if (decode(salt).length < 8 || cost.memory < 8 * cost.parallelism) {
        throw new PasswordSecretError("the salt or the memory of argon2id is less than it takes");
      }
      const derive = findArgon2();
      return hashed(hash, (message, tagLength) => derive({ message, nonce: decode(salt), tagLength, ...cost }));
    },
  },
  {
    pattern: new RegExp(`^\\$7\\$(\\d+)\\$${BASE64}\\$${BASE64}$`),
    parse: ([iterations, salt, hash]) => {
      const rounds = bounded("iterations", iterations, 10_000_000);
      return hashed(hash, (password, length) => promisify(pbkdf2)(password, decode(salt), rounds, length, "sha512"));
    },
  },
  {
    pattern: new RegExp(`^\\$6\\$${BASE64}\\$${BASE64}$`),
    parse: ([salt, hash]) =>
      hashed(hash, async (password) => createHash("sha512").update(password).update(decode(salt)).digest()),
  },
  {
    pattern: new RegExp(`^SCRAM-SHA-256\\$(\\d+):${BASE64}\\$${BASE64}:${BASE64}$`),
    parse: ([iterations, salt, storedKey, serverKey]) => {
      const scram = {
        iterations: bounded("iterations", iterations, 10_000_000),
        salt: decode(salt),
        storedKey: decode(storedKey),
        serverKey: decode(serverKey),
      };
      if (scram.iterations < 4096) throw new PasswordSecretError(`${iterations} iterations are fewer than 4096`);
      return { scram, verify: (password) => verifyByScram(password, scram) };
    },
  },
];

function hashed(
  hash: string | undefined,
  derive: (password: Uint8Array, length: number) => Promise<Uint8Array>,
): PasswordSecret {
  const expected = decode(hash);
  // None at all would match whatever is derived.
  if (expected.length < LEAST_HASH_BYTES) {
    throw new PasswordSecretError(`a hash of ${expected.length} bytes is shorter than ${LEAST_HASH_BYTES}`);
  }
  return { verify: async (password) => equals(await derive(password, expected.length), expected) };
}

interface ScryptCost {
  readonly logCost: number;
  readonly blockSize: number;
  readonly parallelism: number;
}

function deriveScrypt(
  password: Uint8Array,
  salt: Uint8Array,
  { logCost, blockSize: r, parallelism: p }: ScryptCost,
  length: number,
): Promise<Uint8Array> {
  const N = 2 ** logCost;
  return new Promise((resolve, reject) => {
    // 128 * N * r bytes, and some more for the blocks that are mixed.
    scrypt(password, salt, length, { N, r, p, maxmem: 128 * (N + p + 2) * r + 65_536 }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** A password that is not UTF-8, or that no SCRAM client could send (RFC 4013), is a wrong one. */
async function verifyByScram(
  password: Uint8Array,
  { salt, iterations, storedKey }: ScramCredentials,
): Promise<boolean> {
  try {
    const derived = await deriveScramCredentials(decodeUtf8(password), salt, iterations);
    return equals(derived.storedKey, storedKey);
  } catch {
    return false;
  }
}

interface Argon2Parameters {
  readonly message: Uint8Array;
  readonly nonce: Uint8Array;
  readonly parallelism: number;
  readonly tagLength: number;
  readonly memory: number;
  readonly passes: number;
}

type Argon2 = (parameters: Argon2Parameters) => Promise<Uint8Array>;

/** Node.js has it from 24.7 on. @throws PasswordSecretError where it does not. */
function findArgon2(): Argon2 {
  const argon2: unknown = Reflect.get(crypto, "argon2");
  if (typeof argon2 !== "function") {
    throw new PasswordSecretError("argon2id needs Node.js 24.7 or later: set the password anew to use scrypt");
  }
  return (parameters) =>
    new Promise((resolve, reject) => {
      argon2("argon2id", parameters, (error: Error | null, hash: Uint8Array) =>
        error === null ? resolve(hash) : reject(error),
      );
    });
}

function equals(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function bounded(name: string, text: string | undefined, maximum: number): number {
  const value = Number(text);
  if (value >= 1 && value <= maximum) return value;
  throw new PasswordSecretError(`${name} ${text} is not from 1 to ${maximum}`);
}

function decode(base64: string | undefined): Uint8Array {
  return Buffer.from(base64 ?? "", "base64");
}

/** Base64 without padding, as in PHC strings. */
function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replace(/=+$/, "");
}
