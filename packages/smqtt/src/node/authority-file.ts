import { constants } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeUtf8, equalBytes } from "@isthmus/bytes";
import { Authority, type AuthorityOptions } from "../authority/authority.js";

/** Who waits for another process that changes the file looks again so often. */
const LOCK_RETRY_MS = 50;
const DEFAULT_LOCK_TIMEOUT_MS = 10_000;

/** Another process has been changing the authority's file for too long. */
export class AuthorityFileBusyError extends Error {
  override readonly name = "AuthorityFileBusyError";
}

/**
 * An authority in a file that only its owner may read, encrypted by passphrase. Each change is written before it is
 * told to anyone; several processes may take turns, such as a hub that enrols devices and a command that invites one.
 */
export class AuthorityFile {
  readonly path: string;
  readonly #passphrase: string;
  readonly #options: AuthorityOptions;
  readonly #logCost: number | undefined;
  readonly #lockTimeoutMs: number;
  /** The file as this process last saw it, and what it holds. */
  #known: { readonly bytes: Uint8Array; readonly authority: Authority } | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(path: string, passphrase: string, options: AuthorityFileOptions) {
    this.path = path;
    this.#passphrase = passphrase;
    this.#options = options;
    this.#logCost = options.logCost;
    this.#lockTimeoutMs = options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS;
  }

  /** Writes a new authority. @throws Error of code EEXIST when there is a file. */
  static async create(
    path: string,
    passphrase: string,
    name: string,
    suites: readonly string[],
    options: AuthorityFileOptions,
  ): Promise<AuthorityFile> {
    const file = new AuthorityFile(path, passphrase, options);
    const authority = await Authority.setup(name, suites, options);
    await writePrivately(path, await authority.export(passphrase, options.logCost), "wx");
    return file;
  }

  /** @throws PassphraseError when the passphrase is wrong or it is no such file; Error of code ENOENT. */
  static async open(path: string, passphrase: string, options: AuthorityFileOptions): Promise<AuthorityFile> {
    const file = new AuthorityFile(path, passphrase, options);
    await file.#load();
    return file;
  }

  /** The authority as the file holds it now; what is done to it is not stored. */
  async read(): Promise<Authority> {
    return this.#inTurn(() => this.#load());
  }

  /**
   * Runs `action` on the authority, while no other process changes the file, and writes what it has become.
   *
   * @throws whatever `action` throws; what it had changed by then is stored all the same.
   * @throws AuthorityFileBusyError when another process does not give the file free.
   */
  async change<V>(action: (authority: Authority) => Promise<V>): Promise<V> {
    return this.#inTurn(async () => {
      const unlock = await this.#lock();
      try {
        const authority = await this.#load();
        const before = authority.revision;
        try {
          return await action(authority);
        } finally {
          if (authority.revision !== before) await this.#store(authority);
        }
      } finally {
        await unlock();
      }
    });
  }

  async #load(): Promise<Authority> {
    const bytes = new Uint8Array(await readFile(this.path));
    if (this.#known === undefined || !equalBytes(bytes, this.#known.bytes)) {
      this.#known = { bytes, authority: await Authority.import(bytes, this.#passphrase, this.#options) };
    }
    return this.#known.authority;
  }

  async #store(authority: Authority): Promise<void> {
    const bytes = await authority.export(this.#passphrase, this.#logCost);
    this.#known = undefined; // until it is on disk
    await replacePrivately(this.path, bytes);
    this.#known = { bytes, authority };
  }

  /** A file beside it that names the process; one whose process is gone does not count. */
  async #lock(): Promise<() => Promise<void>> {
    const path = `${this.path}.lock`;
    const deadline = performance.now() + this.#lockTimeoutMs;
    for (;;) {
      try {
        await writePrivately(path, encodeUtf8(OWN_MARK), "wx");
        return async () => rm(path, { force: true });
      } catch (error) {
        if (!hasCode(error, "EEXIST")) throw error;
      }
      const mark = await readFile(path, "utf8").catch(() => "");
      if (isLeftBehind(mark)) await rm(path, { force: true });
      else if (performance.now() < deadline) await sleep(LOCK_RETRY_MS);
      else throw new AuthorityFileBusyError(`process ${mark} has been changing ${this.path} for too long`);
    }
  }

  async #inTurn<V>(action: () => Promise<V>): Promise<V> {
    const turn = this.#turn.then(action);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

export interface AuthorityFileOptions extends AuthorityOptions {
  /** log₂ of scrypt's N, for tests and small machines. Default 17. */
  readonly logCost?: number;
  /** How long to wait for another process that changes the file. Default 10,000. */
  readonly lockTimeoutMs?: number;
}

/** Writes a file that only its owner may read, in place of the one that is there, whole or not at all. */
export async function replacePrivately(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writePrivately(temporary, bytes, "w");
  await rename(temporary, path);
}

/** @param flags `wx` fails where there is a file. */
export async function writePrivately(path: string, bytes: Uint8Array, flags: "w" | "wx"): Promise<void> {
  const file = await open(path, flags, constants.S_IRUSR | constants.S_IWUSR);
  try {
    await file.chmod(0o600); // an umask may have taken less, a file that was there more
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** This process: in a container the one before it had the same number. */
const OWN_MARK = `${process.pid} since ${new Date(performance.timeOrigin).toISOString()}`;

function isLeftBehind(mark: string): boolean {
  const pid = Number.parseInt(mark, 10);
  if (!(pid > 0)) return false; // about to be written, or to be removed
  return pid === process.pid ? mark !== OWN_MARK : !isRunning(pid);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, "ESRCH");
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
