import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ReasonCode } from "@isthmus/mqtt/codec";
import { decoyCredentials } from "@isthmus/mqtt/scram";
import type { Credentials, Identity } from "../access.js";
import { WRONG_CREDENTIALS } from "../access-policy.js";
import { AccessError, type Finding, type IdentitySource, type ScramUsers } from "../identity-source.js";
import { BoundedQueue, QueueFullError } from "../passwords/bounded-queue.js";
import { parsePasswordFile, PasswordFileError } from "../passwords/password-file.js";
import { hashPassword, parseSecret, type PasswordSecret, PasswordSecretError } from "../passwords/password-secret.js";

/** Users of a file that `isthmus passwd` or mosquitto_passwd has written. */
export interface PasswordSourceOptions {
  readonly type: "passwords";
  readonly file: string;
  /** Passwords checked at the same time. Default 2: each takes a core and, with scrypt, 32 MiB. */
  readonly maxConcurrentChecks?: number | undefined;
  /** Passwords that wait to be checked. Default 1,000: more clients are told that the server is busy. */
  readonly maxWaitingChecks?: number | undefined;
}

interface User {
  readonly text: string;
  readonly secret: PasswordSecret;
  /** A quick digest of the password that was right last, so that a client that comes back costs no hash. */
  lastDigest: Uint8Array | undefined;
}

export class PasswordSource implements IdentitySource {
  readonly kind = "passwords";
  readonly summary: string;
  readonly scram: ScramUsers | undefined;
  readonly #userByName: ReadonlyMap<string, User>;
  readonly #queue: BoundedQueue;
  /** Checked in the place of a user who is not there, which takes as long. */
  readonly #decoy: PasswordSecret;
  readonly #digestKey = randomBytes(32);

  private constructor(options: PasswordSourceOptions, userByName: ReadonlyMap<string, User>, decoy: PasswordSecret) {
    const { file, maxConcurrentChecks = 2, maxWaitingChecks = 1000 } = options;
    this.summary = `${userByName.size} ${userByName.size === 1 ? "user" : "users"} of ${file}`;
    this.#userByName = userByName;
    this.#queue = new BoundedQueue(maxConcurrentChecks, maxWaitingChecks);
    this.#decoy = decoy;
    this.scram = scramUsers(userByName);
  }

  /** @throws AccessError when the file is missing, or says something that cannot be used. */
  static async load(options: PasswordSourceOptions): Promise<PasswordSource> {
    const { file } = options;
    const userByName = new Map<string, User>();
    for (const [name, text] of parse(await read(file), file)) {
      userByName.set(name, { text, secret: parseUserSecret(file, name, text), lastDigest: undefined });
    }
    // Whatever most users have: the first one's kind and cost.
    const [first] = userByName.values();
    return new PasswordSource(options, userByName, first?.secret ?? parseSecret(await hashPassword("")));
  }

  identify({ user, password }: Credentials): Finding | Promise<Finding> {
    if (user === undefined || password === undefined) return undefined;
    const known = this.#userByName.get(user);
    const digest = this.#digest(password);
    return known !== undefined && isLast(known, digest)
      ? identityOf(user, known)
      : this.#check(user, known, password, digest);
  }

  remembers({ user, password }: Credentials): boolean {
    const known = user === undefined ? undefined : this.#userByName.get(user);
    return known !== undefined && password !== undefined && isLast(known, this.#digest(password));
  }

  mayStay({ user, credential }: Identity): boolean {
    return user !== undefined && this.#userByName.get(user)?.text === credential;
  }

  #digest(password: Uint8Array): Uint8Array {
    return createHmac("sha256", this.#digestKey).update(password).digest();
  }

  async #check(name: string, known: User | undefined, password: Uint8Array, digest: Uint8Array): Promise<Finding> {
    try {
      const isRight = await this.#queue.run(() => (known?.secret ?? this.#decoy).verify(password));
      // Not this source's: another one may know the name.
      if (known === undefined) return undefined;
      if (!isRight) return WRONG_CREDENTIALS;
      known.lastDigest = digest;
      return identityOf(name, known);
    } catch (error) {
      if (error instanceof QueueFullError) {
        return { reasonCode: ReasonCode.serverBusy, reason: "too many passwords wait to be checked" };
      }
      // As when there is no memory left for it: nobody gets in by that.
      const { message } = error instanceof Error ? error : new Error(String(error));
      return { reasonCode: ReasonCode.serverUnavailable, reason: `the password cannot be checked: ${message}` };
    }
  }
}

/** Those whose secret was made for it. */
function scramUsers(userByName: ReadonlyMap<string, User>): ScramUsers | undefined {
  const known = Array.from(userByName.values(), ({ secret }) => secret.scram).filter((scram) => scram !== undefined);
  const [first] = known;
  if (first === undefined) return undefined;
  // Nobody knows it, and it stays the same over restarts: what a decoy looks like must not change either.
  const decoySecret = first.serverKey;
  return {
    find: (name) => {
      const user = userByName.get(name);
      const credentials = user?.secret.scram;
      return user && credentials && { credentials, identity: identityOf(name, user) };
    },
    decoy: (name) => decoyCredentials(decoySecret, name, first.iterations),
  };
}

function isLast({ lastDigest }: User, digest: Uint8Array): boolean {
  return lastDigest !== undefined && timingSafeEqual(lastDigest, digest);
}

function identityOf(user: string, { text }: User): Identity {
  return { user, source: "passwords", credential: text };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    // What node:fs rejects with has a code.
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      throw new AccessError(`there is no password file ${file}`, {
        cause,
        hint: `isthmus passwd -c ${file} USER makes one`,
      });
    }
    if (code === "EACCES") {
      throw new AccessError(`the password file ${file} may not be read`, {
        cause,
        hint: `make it belong to who runs the hub: chown USER ${file}`,
      });
    }
    throw new AccessError(`the password file ${file} cannot be read: ${message}`, { cause });
  }
}

function parse(text: string, file: string): Map<string, string> {
  try {
    return parsePasswordFile(text, file);
  } catch (cause) {
    if (!(cause instanceof PasswordFileError)) throw cause;
    throw new AccessError(cause.message, { cause, hint: "isthmus passwd writes such a file" });
  }
}

function parseUserSecret(file: string, name: string, text: string): PasswordSecret {
  try {
    return parseSecret(text);
  } catch (cause) {
    if (!(cause instanceof PasswordSecretError)) throw cause;
    throw new AccessError(`${file}: user ${name}: ${cause.message}`, {
      cause,
      hint: `isthmus passwd ${file} ${name} sets it anew`,
    });
  }
}
