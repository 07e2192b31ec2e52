import { toHex } from "@isthmus/bytes";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { parseGrantableAttribute } from "../abe/attribute.js";
import type { CryptoBackend } from "../envelope/crypto-backend.js";
import type { RandomBytes } from "../random.js";
import type { SuiteRegistry } from "../suites/registry.js";
import { type Grant, GrantError, type Suite, type SuiteMaster, type Validity } from "../suites/suite.js";
import { parseTopicFilter } from "../topics.js";
import {
  type AuthorityState,
  decodeState,
  DEFAULT_LIFETIME_DAYS,
  type DeviceGrant,
  type DeviceRecord,
  encodeState,
} from "./authority-state.js";
import { signBundle } from "./bundle.js";
import { issueCertificate } from "./certificate.js";
import {
  createAnswer,
  createRefusal,
  EnrolmentError,
  type EnrolmentRequest,
  formatInvitation,
  openRequest,
  type SuiteKeys,
  TOKEN_BYTES,
} from "./enrolment.js";
import { type PublicIdentity, subjectId } from "./identity.js";
import { PassphraseKey } from "./passphrase.js";

const DAY_SECONDS = 86_400;
/** How far a device's clock may be behind the authority's. */
const CLOCK_SKEW_SECONDS = 300;
const DEFAULT_INVITATION_DAYS = 7;
const FILE_KIND = "smqtt-authority";

export interface AuthorityOptions {
  /** The suites that it may have set up. */
  readonly suites: SuiteRegistry;
  readonly crypto: CryptoBackend;
  readonly random: RandomBytes;
  /** Wall clock, Unix seconds. */
  readonly now: () => number;
}

/**
 * The key authority: sets suites up, enrols devices, renews and revokes. It needs no network: requests and answers
 * are bytes that anyone may carry.
 *
 * Whoever holds its state can open everything sealed under the attribute-based and symmetric suites, past and future:
 * keep its export offline.
 */
export class Authority {
  readonly #options: AuthorityOptions;
  readonly #state: AuthorityState;
  readonly #id: Uint8Array;
  #bundle: Uint8Array | undefined;
  #revision = 0;
  /** What the state was last exported or imported with. */
  #passphraseKey: PassphraseKey | undefined;
  /** One change at a time: a suite's master is replaced by each enrolment. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: AuthorityOptions, state: AuthorityState) {
    this.#options = options;
    this.#state = state;
    this.#id = subjectId(ed25519.getPublicKey(state.signingSecret));
  }

  /**
   * A new authority with fresh master secrets for the named suites.
   *
   * @throws RangeError for a suite that the registry does not have.
   */
  static async setup(name: string, suiteNames: readonly string[], options: AuthorityOptions): Promise<Authority> {
    const masters = new Map<string, SuiteMaster>();
    for (const suite of suiteNames) masters.set(suite, await suiteNamed(options.suites, suite).setup(options.random));
    return new Authority(options, {
      name,
      signingSecret: options.random(32),
      exchangeSecret: options.random(32),
      createdAt: Math.floor(options.now()),
      serial: 1,
      masters,
      devices: new Map(),
      invitations: new Map(),
    });
  }

  /** @throws PassphraseError when the passphrase is wrong or the file was altered. */
  static async import(bytes: Uint8Array, passphrase: string, options: AuthorityOptions): Promise<Authority> {
    const { key, plaintext } = await PassphraseKey.open(options.crypto, FILE_KIND, passphrase, bytes);
    const authority = new Authority(options, decodeState(plaintext, deviceIdOf));
    authority.#passphraseKey = key;
    return authority;
  }

  /** The whole state, encrypted. @param logCost log₂ of scrypt's N; default 17. */
  async export(passphrase: string, logCost?: number): Promise<Uint8Array> {
    const { crypto, random } = this.#options;
    if (!this.#passphraseKey?.isOf(passphrase, logCost)) {
      this.#passphraseKey = await PassphraseKey.create(crypto, random, passphrase, logCost);
    }
    return this.#passphraseKey.seal(random, FILE_KIND, encodeState(this.#state));
  }

  get name(): string {
    return this.#state.name;
  }

  /** Ed25519 public key: what devices trust. */
  get signingKey(): Uint8Array {
    return ed25519.getPublicKey(this.#state.signingSecret);
  }

  /** X25519 public key: what requests are sealed to. */
  get exchangeKey(): Uint8Array {
    return x25519.getPublicKey(this.#state.exchangeSecret);
  }

  /** The suites that are set up, with their generation. */
  get suites(): readonly { readonly name: string; readonly generation: number }[] {
    return [...this.#state.masters].map(([name, { generation }]) => ({ name, generation }));
  }

  /** Device id in hexadecimal to what is known of it. */
  get devices(): ReadonlyMap<string, DeviceRecord> {
    return this.#state.devices;
  }

  /** Counts changes: whoever keeps the authority on disk writes it when this is another. */
  get revision(): number {
    return this.#revision;
  }

  /** The signed public bundle, to be given to everyone: parameters, generations, who is revoked. */
  bundle(): Uint8Array {
    this.#bundle ??= signBundle(this.#options.crypto, this.#signer(), {
      name: this.#state.name,
      serial: this.#state.serial,
      issuedAt: Math.floor(this.#options.now()),
      exchangeKey: this.exchangeKey,
      suites: [...this.#state.masters].map(([name, { generation, parameters }]) => ({ name, generation, parameters })),
      revoked: [...this.#state.devices.values()]
        .filter((device) => device.isRevoked)
        .map((d) => subjectId(d.signingKey)),
    });
    return this.#bundle;
  }

  /**
   * An invitation for one device: text that lets its bearer enrol as `name` with this grant, once.
   *
   * @param days it is good for; default 7.
   * @throws TopicError for a filter that is none; AttributeError for a role that cannot be granted.
   */
  invite(name: string, grant: DeviceGrant, days: number = DEFAULT_INVITATION_DAYS): string {
    checkGrant(grant);
    const token = this.#options.random(TOKEN_BYTES);
    const expires = Math.floor(this.#options.now()) + days * DAY_SECONDS;
    this.#state.invitations.set(toHex(token), { name, grant, expires });
    this.#revision++;
    return formatInvitation({ authorityKey: this.signingKey, exchangeKey: this.exchangeKey, token });
  }

  /**
   * Answers a request for enrolment or renewal.
   *
   * @throws EnrolmentError for a token that is unknown, used or expired, and for renewal of a device that is unknown
   *   or revoked; CoseError for what is no request.
   */
  async answer(request: Uint8Array): Promise<Uint8Array> {
    const opened = await openRequest(this.#options.crypto, this.#state.exchangeSecret, request);
    return this.#inTurn(async () => {
      const device = opened.token === undefined ? this.#known(opened) : this.#invited(opened, opened.token);
      return this.#issue(device, opened.nonce);
    });
  }

  /**
   * Answers a request that came over a network: whoever may not enrol gets a no, which only the device can read.
   *
   * @throws CoseError for what is no request: there is nobody to answer.
   */
  async reply(request: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.answer(request);
    } catch (cause) {
      if (!(cause instanceof EnrolmentError || cause instanceof GrantError)) throw cause;
      const { crypto } = this.#options;
      const { exchangeKey, nonce } = await openRequest(crypto, this.#state.exchangeSecret, request);
      return createRefusal(crypto, this.#signer(), exchangeKey, nonce, cause.message);
    }
  }

  /** Enrols a device whose public keys are at hand. @returns the answer, sealed to the device. */
  async enrol(
    name: string,
    keys: Pick<PublicIdentity, "signingKey" | "exchangeKey">,
    grant: DeviceGrant,
  ): Promise<Uint8Array> {
    checkGrant(grant);
    return this.#inTurn(() => this.#issue(this.#record(name, keys, grant), new Uint8Array(0)));
  }

  /** Fresh keys for a device, with fresh randomness and a new period. @throws EnrolmentError. */
  async renew(id: string): Promise<Uint8Array> {
    return this.#inTurn(() => this.#issue(this.#notRevoked(this.#state.devices.get(id)), new Uint8Array(0)));
  }

  /** Fresh keys for every device that is not revoked, by id. What to do after a revocation. */
  async renewAll(): Promise<Map<string, Uint8Array>> {
    const answers = new Map<string, Uint8Array>();
    for (const [id, { isRevoked }] of this.#state.devices) if (!isRevoked) answers.set(id, await this.renew(id));
    return answers;
  }

  /**
   * Revokes devices: no renewal, certificates and keys no longer count, and every suite goes to its next generation,
   * so that nothing sealed from then on opens for them. The others need new keys: {@link renewAll}.
   *
   * @throws EnrolmentError for a device that is unknown.
   */
  async revoke(ids: readonly string[]): Promise<void> {
    await this.#inTurn(async () => {
      for (const id of ids) if (!this.#state.devices.has(id)) throw new EnrolmentError(`no device ${id}`);
      for (const id of ids) {
        const device = this.#state.devices.get(id);
        if (device !== undefined) this.#state.devices.set(id, { ...device, isRevoked: true });
      }
      const revoked = ids
        .flatMap((id) => this.#state.devices.get(id) ?? [])
        .map(({ signingKey }) => subjectId(signingKey));
      for (const [name, master] of this.#state.masters) {
        const rotated = await suiteNamed(this.#options.suites, name).rotate(master, revoked, this.#options.random);
        this.#state.masters.set(name, rotated);
      }
      this.#changed();
    });
  }

  #invited({ signingKey, exchangeKey }: EnrolmentRequest, token: Uint8Array): DeviceRecord {
    const invitation = this.#state.invitations.get(toHex(token));
    if (invitation === undefined) throw new EnrolmentError("no such invitation, or it was used");
    if (invitation.expires <= this.#options.now()) throw new EnrolmentError("the invitation has expired");
    this.#state.invitations.delete(toHex(token)); // used, whatever comes of it
    this.#revision++;
    return this.#record(invitation.name, { signingKey, exchangeKey }, invitation.grant);
  }

  #known({ signingKey, exchangeKey }: EnrolmentRequest): DeviceRecord {
    const device = this.#notRevoked(this.#state.devices.get(deviceIdOf(signingKey)));
    if (toHex(device.exchangeKey) !== toHex(exchangeKey))
      throw new EnrolmentError("another exchange key than enrolled");
    return device;
  }

  #notRevoked(device: DeviceRecord | undefined): DeviceRecord {
    if (device === undefined) throw new EnrolmentError("no such device");
    if (device.isRevoked) throw new EnrolmentError(`"${device.name}" is revoked`);
    return device;
  }

  /** What is to be known of the device, once its keys are issued. */
  #record(
    name: string,
    { signingKey, exchangeKey }: Pick<PublicIdentity, "signingKey" | "exchangeKey">,
    grant: DeviceGrant,
  ): DeviceRecord {
    const known = this.#state.devices.get(deviceIdOf(signingKey));
    if (known?.isRevoked) throw new EnrolmentError(`"${known.name}" is revoked`);
    const enrolledAt = known?.enrolledAt ?? Math.floor(this.#options.now());
    return { name, signingKey, exchangeKey, grant, enrolledAt, isRevoked: false };
  }

  async #issue(device: DeviceRecord, nonce: Uint8Array): Promise<Uint8Array> {
    const { crypto, suites, random } = this.#options;
    const grant = this.#suiteGrant(device);
    const keys: SuiteKeys[] = [];
    let refusal: GrantError | undefined;
    for (const [suite, master] of this.#state.masters) {
      try {
        const enrolment = await suiteNamed(suites, suite).enrol(master, grant, random);
        this.#state.masters.set(suite, enrolment.master);
        const { readerKey, writerKey } = enrolment;
        keys.push({ suite, generation: enrolment.master.generation, readerKey, writerKey });
      } catch (cause) {
        // A suite that cannot express the grant (psk-tree and "+") gives no keys; the others still do.
        if (!(cause instanceof GrantError)) throw cause;
        refusal = cause;
      }
    }
    if (keys.length === 0 && refusal !== undefined) throw refusal;
    const certificate = issueCertificate(crypto, this.#signer(), {
      name: device.name,
      signingKey: device.signingKey,
      publish: grant.publish,
      validity: { from: Math.floor(this.#options.now()) - CLOCK_SKEW_SECONDS, until: grant.validity.until },
    });
    // Not before: a device whose keys cannot be issued would stand in the way of every renewal.
    this.#state.devices.set(deviceIdOf(device.signingKey), device);
    this.#changed();
    return createAnswer(crypto, this.#signer(), device.exchangeKey, nonce, {
      certificate,
      bundle: this.bundle(),
      keys,
    });
  }

  #suiteGrant({ signingKey, exchangeKey, grant }: DeviceRecord): Grant {
    const { subscribe = [], publish = [], attributes = [], isForwardOnly = false } = grant;
    return {
      subject: subjectId(signingKey),
      exchangeKey,
      subscribe,
      publish,
      attributes,
      validity: this.#validity(grant),
      isForwardOnly,
    };
  }

  #validity({ lifetimeDays = DEFAULT_LIFETIME_DAYS, isForwardOnly = false }: DeviceGrant): Validity {
    const now = Math.floor(this.#options.now());
    // Whole days and years: fewer nodes of time, so smaller keys.
    const until = Math.ceil((now + lifetimeDays * DAY_SECONDS) / DAY_SECONDS) * DAY_SECONDS;
    const setupYear = Date.UTC(new Date(this.#state.createdAt * 1000).getUTCFullYear(), 0) / 1000;
    return { from: isForwardOnly ? now - CLOCK_SKEW_SECONDS : setupYear, until };
  }

  #signer(): { readonly signingSecret: Uint8Array; readonly id: Uint8Array } {
    return { signingSecret: this.#state.signingSecret, id: this.#id };
  }

  #changed(): void {
    this.#revision++;
    this.#state.serial++;
    this.#bundle = undefined;
  }

  async #inTurn<V>(change: () => Promise<V>): Promise<V> {
    const turn = this.#turn.then(change);
    this.#turn = turn.catch(() => undefined); // a change that failed does not hold up the next
    return turn;
  }
}

/** What no suite could issue, so that the owner learns it and not the device. */
function checkGrant({ subscribe = [], publish = [], attributes = [] }: DeviceGrant): void {
  for (const filter of [...subscribe, ...publish]) parseTopicFilter(filter);
  for (const attribute of attributes) parseGrantableAttribute(typeof attribute === "string" ? attribute : attribute[0]);
}

function suiteNamed(suites: SuiteRegistry, name: string): Suite {
  const suite = suites.get(name);
  if (suite === undefined) throw new RangeError(`no suite "${name}"; there are ${[...suites.keys()].join(", ")}`);
  return suite;
}

function deviceIdOf(signingKey: Uint8Array): string {
  return toHex(subjectId(signingKey));
}
