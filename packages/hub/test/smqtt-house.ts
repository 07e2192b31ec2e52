import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  builtInSuites,
  createIdentity,
  createSuiteRegistry,
  type DeviceGrant,
  exportDevice,
  Membership,
  PassphraseKey,
  publicIdentity,
  secureRandomBytes,
  type SuiteRegistry,
} from "@isthmus/smqtt";
import { loadMclGroup } from "@isthmus/smqtt/mcl";
import { AuthorityFile, nodeCrypto, writePrivately } from "@isthmus/smqtt/node";

export const PASSPHRASE = "secret";
/** scrypt with N = 2^10: these tests are not about it. */
const QUICK = 10;

/** Workers run what was built: the sources are no JavaScript. */
export const workers = { workerUrl: new URL("../../smqtt/dist/node/suite-worker.js", import.meta.url) };

/** One for all houses of a test: it warms up once. */
const suites = createSuiteRegistry(builtInSuites(await loadMclGroup()));

/** An authority in a folder of its own, and devices. */
export class House implements AsyncDisposable {
  readonly suites: SuiteRegistry = suites;
  readonly #folder: string;
  readonly #authority: AuthorityFile;

  private constructor(folder: string, authority: AuthorityFile) {
    this.#folder = folder;
    this.#authority = authority;
  }

  static async build(suiteNames: readonly string[] = ["kp-abe", "cp-abe"]): Promise<House> {
    const folder = await mkdtemp(join(tmpdir(), "isthmus-house-"));
    const options = {
      suites,
      crypto: nodeCrypto,
      random: secureRandomBytes,
      now: () => Date.now() / 1000,
      logCost: QUICK,
    };
    const path = join(folder, "authority.smqtt");
    return new House(folder, await AuthorityFile.create(path, PASSPHRASE, "house", suiteNames, options));
  }

  get authority(): AuthorityFile {
    return this.#authority;
  }

  get cryptography() {
    return { suites: this.suites, crypto: nodeCrypto, random: secureRandomBytes };
  }

  get authorityKeys() {
    return { file: this.#authority.path, passphrase: PASSPHRASE };
  }

  /** A device that is enrolled where the authority is. */
  async device(name: string, grant: DeviceGrant): Promise<Membership> {
    const identity = createIdentity(secureRandomBytes);
    return this.#authority.change(async (authority) => {
      const answer = await authority.enrol(name, publicIdentity(identity), grant);
      return Membership.open(answer, identity, authority.signingKey, nodeCrypto);
    });
  }

  /** Its file. */
  async store(membership: Membership, name: string): Promise<{ file: string; passphrase: string }> {
    const key = await PassphraseKey.create(nodeCrypto, secureRandomBytes, PASSPHRASE, QUICK);
    const file = join(this.#folder, name);
    await writePrivately(file, exportDevice(membership.file, key, secureRandomBytes), "w");
    return { file, passphrase: PASSPHRASE };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}
