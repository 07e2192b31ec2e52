import { readFileSync } from "node:fs";
import {
  builtInSuites,
  createSuiteRegistry,
  type DeviceFile,
  exportDevice,
  importDevice,
  Membership,
  PassphraseError,
  PassphraseKey,
  secureRandomBytes,
  type SuiteRegistry,
} from "@isthmus/smqtt";
import { AuthorityFile, nodeCrypto, replacePrivately, writePrivately } from "@isthmus/smqtt/node";
import { type Terminal, UsageError } from "../command.js";
import type { FlagValues } from "../flags.js";
import { type AUTHORITY_FLAGS, authorityPath, type COST_FLAGS, type DEVICE_FLAGS, devicePath } from "./key-flags.js";
import { readPassphrase } from "./passphrase.js";

/** What sealing is done with here: node:crypto, and mcl-wasm where it is installed. */
export async function loadCryptography() {
  return { suites: await loadSuites(), crypto: nodeCrypto, random: secureRandomBytes, now: () => Date.now() / 1000 };
}

async function loadSuites(): Promise<SuiteRegistry> {
  const { loadMclGroup } = await import("@isthmus/smqtt/mcl");
  // Not installed: the same results in plain TypeScript, some four times as slow.
  const group = await loadMclGroup().catch(() => undefined);
  return createSuiteRegistry(builtInSuites(group));
}

/** Opens the authority's file. @throws UsageError when there is none, or the passphrase is wrong. */
export async function openAuthority(
  values: FlagValues<typeof AUTHORITY_FLAGS>,
  terminal: Terminal,
): Promise<AuthorityFile> {
  const path = authorityPath(values);
  requireFile(path, "isthmus smqtt setup makes one");
  const passphrase = await authorityPassphrase(values, terminal, false);
  return explained(path, async () => AuthorityFile.open(path, passphrase, await loadCryptography()));
}

export async function authorityPassphrase(
  values: FlagValues<typeof AUTHORITY_FLAGS>,
  terminal: Terminal,
  isNew: boolean,
): Promise<string> {
  const source = {
    what: authorityPath(values),
    flag: "--authority-passphrase-file",
    file: values.authorityPassphraseFile,
    variable: "SMQTT_AUTHORITY_PASSPHRASE",
  };
  return readPassphrase(source, terminal, isNew);
}

/** A device's file, and the key to write it again. */
export class DeviceKeys {
  readonly path: string;
  readonly file: DeviceFile;
  readonly #key: PassphraseKey;
  /** One write after the other. */
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, file: DeviceFile, key: PassphraseKey) {
    this.path = path;
    this.file = file;
    this.#key = key;
  }

  /** @throws UsageError when there is no such file, or the passphrase is wrong. */
  static async open(values: FlagValues<typeof DEVICE_FLAGS>, terminal: Terminal): Promise<DeviceKeys> {
    const path = devicePath(values);
    requireFile(path, "isthmus smqtt enrol makes one; --keys FILE names another");
    const passphrase = await devicePassphrase(values, path, terminal, false);
    const { device, key } = await explained(path, async () => importDevice(readFileSync(path), passphrase, nodeCrypto));
    return new DeviceKeys(path, device, key);
  }

  /** Writes a new file. @throws UsageError when there is one. */
  static async create(path: string, key: PassphraseKey, file: DeviceFile): Promise<DeviceKeys> {
    await explained(path, async () => writePrivately(path, exportDevice(file, key, secureRandomBytes), "wx"));
    return new DeviceKeys(path, file, key);
  }

  /** The device's membership. @throws UsageError when its request has not been answered yet. */
  async membership(): Promise<Membership> {
    if (this.file.membership === undefined) {
      throw new UsageError(
        `${this.path} awaits the authority's answer`,
        "isthmus smqtt enrol --answer FILE completes it",
      );
    }
    return Membership.restore(this.file, nodeCrypto);
  }

  /** Writes what the device has become in place of what it was. */
  async save(file: DeviceFile): Promise<void> {
    this.#saving = this.#saving.then(() =>
      replacePrivately(this.path, exportDevice(file, this.#key, secureRandomBytes)),
    );
    return this.#saving;
  }

  /** Resolves when all that was to be saved is. */
  async saved(): Promise<void> {
    await this.#saving;
  }
}

/** The key of a device file that is to be made. */
export async function newDeviceKey(
  values: FlagValues<typeof DEVICE_FLAGS & typeof COST_FLAGS>,
  path: string,
  terminal: Terminal,
): Promise<PassphraseKey> {
  const passphrase = await devicePassphrase(values, path, terminal, true);
  return PassphraseKey.create(nodeCrypto, secureRandomBytes, passphrase, values.logCost);
}

async function devicePassphrase(
  { passphraseFile }: FlagValues<typeof DEVICE_FLAGS>,
  what: string,
  terminal: Terminal,
  isNew: boolean,
): Promise<string> {
  const source = { what, flag: "--passphrase-file", file: passphraseFile, variable: "SMQTT_PASSPHRASE" };
  return readPassphrase(source, terminal, isNew);
}

function requireFile(path: string, hint: string): void {
  try {
    readFileSync(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw new UsageError(`there is no file ${path}`, hint);
    throw new UsageError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Does something with a file. @throws UsageError that names it. */
export async function explained<V>(path: string, action: () => Promise<V>): Promise<V> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof PassphraseError) throw new UsageError(`${path}: ${error.message}`);
    if (hasCode(error, "EEXIST")) {
      throw new UsageError(`there is a file ${path} already`, "it is not written over: move it away, or name another");
    }
    if (error instanceof Error && "syscall" in error) throw new UsageError(`${path}: ${error.message}`);
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
