import { equalBytes } from "@isthmus/bytes";
import { CoseError } from "../envelope/cose-parameters.js";
import type { CryptoBackend } from "../envelope/crypto-backend.js";
import type { RandomBytes } from "../random.js";
import type { SuitePublisher, SuiteReader } from "../suites/suite.js";
import { type PublicBundle, verifyBundle } from "./bundle.js";
import { type Certificate, verifyCertificate } from "./certificate.js";
import type { DeviceFile } from "./device-file.js";
import { createRequest, type EnrolmentAnswer, openAnswer, parseInvitation, type SentRequest } from "./enrolment.js";
import { type Identity, publicIdentity } from "./identity.js";

/** A device that has asked to enrol. */
export interface Joining {
  /** To be brought to the authority, by anyone. */
  readonly request: Uint8Array;
  /** The membership that the answer gives. @throws CoseError as {@link Membership.open}; EnrolmentError for a no. */
  complete(answer: Uint8Array): Promise<Membership>;
  /** What to keep until the answer comes, where that takes longer than the process. */
  readonly file: DeviceFile;
}

/**
 * A device's place in a system: its identity, what the authority gave it, and the authority's latest word.
 *
 * @example
 * const joining = await Membership.request(invitation, identity, { crypto, random });
 * const membership = await joining.complete(await send(joining.request));
 */
export class Membership {
  readonly identity: Identity;
  /** Ed25519 public key of the authority. */
  readonly authorityKey: Uint8Array;
  readonly #crypto: CryptoBackend;
  #answer: EnrolmentAnswer;
  #answerBytes: Uint8Array;
  #certificate: Certificate;
  #bundle: PublicBundle;
  #bundleBytes: Uint8Array;

  private constructor(
    crypto: CryptoBackend,
    identity: Identity,
    authorityKey: Uint8Array,
    answer: EnrolmentAnswer,
    answerBytes: Uint8Array,
  ) {
    this.#crypto = crypto;
    this.identity = identity;
    this.authorityKey = authorityKey;
    this.#answer = answer;
    this.#answerBytes = answerBytes;
    this.#certificate = this.#ownCertificate(answer);
    this.#bundle = verifyBundle(crypto, authorityKey, answer.bundle);
    this.#bundleBytes = answer.bundle;
  }

  /** Asks to enrol with an invitation. @throws SyntaxError for text that is no invitation. */
  static async request(
    invitation: string,
    identity: Identity,
    { crypto, random }: { readonly crypto: CryptoBackend; readonly random: RandomBytes },
  ): Promise<Joining> {
    const { authorityKey, exchangeKey, token } = parseInvitation(invitation);
    const { bytes, nonce } = await createRequest(crypto, random, identity, exchangeKey, token);
    const complete = async (answer: Uint8Array): Promise<Membership> =>
      Membership.open(answer, identity, authorityKey, crypto, nonce);
    return { request: bytes, complete, file: { identity, authorityKey, nonce } };
  }

  /** A membership that {@link exportDevice} wrote. @throws CoseError for one that awaits its answer, or of others. */
  static async restore({ identity, authorityKey, membership }: DeviceFile, crypto: CryptoBackend): Promise<Membership> {
    if (membership === undefined) throw new CoseError("its request has not been answered yet");
    const restored = await Membership.open(membership.answer, identity, authorityKey, crypto);
    restored.update(membership.bundle);
    return restored;
  }

  /**
   * A membership from an answer of the authority, such as one that was stored: it stays sealed to the device's key.
   *
   * @param nonce of the request that it must answer; left out, any answer will do.
   * @throws CoseError unless the authority sealed it to this device; EnrolmentError when it is a no.
   */
  static async open(
    answer: Uint8Array,
    identity: Identity,
    authorityKey: Uint8Array,
    crypto: CryptoBackend,
    nonce?: Uint8Array,
  ): Promise<Membership> {
    const opened = await openAnswer(crypto, authorityKey, identity.exchangeSecret, nonce, answer);
    return new Membership(crypto, identity, authorityKey, opened, answer);
  }

  /** What to keep of it: for {@link exportDevice}. The answer in it stays sealed to the device's key. */
  get file(): DeviceFile {
    const { identity, authorityKey } = this;
    return { identity, authorityKey, membership: { answer: this.#answerBytes, bundle: this.#bundleBytes } };
  }

  get certificate(): Certificate {
    return this.#certificate;
  }

  /** As the authority signed it. */
  get certificateBytes(): Uint8Array {
    return this.#answer.certificate;
  }

  /** The authority's latest word that this device heard. */
  get bundle(): PublicBundle {
    return this.#bundle;
  }

  /** Ids of revoked devices. */
  get revoked(): readonly Uint8Array[] {
    return this.#bundle.revoked;
  }

  /** Names of the suites that this device has reader keys of. */
  get readableSuites(): string[] {
    return this.#answer.keys.filter(({ readerKey }) => readerKey !== undefined).map(({ suite }) => suite);
  }

  /** Whether a suite was rotated since the keys were issued, so that new messages do not open with them. */
  get needsRenewal(): boolean {
    return this.#answer.keys.some(({ suite, generation }) => {
      const current = this.#bundle.suites.find(({ name }) => name === suite);
      // hpke's keys are the device's own and outlive rotations.
      return suite !== "hpke" && current !== undefined && current.generation > generation;
    });
  }

  /** Asks for fresh keys. */
  async requestRenewal(random: RandomBytes): Promise<SentRequest> {
    return createRequest(this.#crypto, random, this.identity, this.#bundle.exchangeKey, undefined);
  }

  /**
   * Takes fresh keys from the authority.
   *
   * @returns whether they are others than those at hand. @throws CoseError as {@link open}, and for an older answer.
   */
  async renew(answer: Uint8Array, nonce?: Uint8Array): Promise<boolean> {
    if (equalBytes(answer, this.#answerBytes)) return false; // retained for us, and taken before
    const opened = await openAnswer(this.#crypto, this.authorityKey, this.identity.exchangeSecret, nonce, answer);
    const bundle = verifyBundle(this.#crypto, this.authorityKey, opened.bundle);
    const issued = verifyBundle(this.#crypto, this.authorityKey, this.#answer.bundle);
    if (bundle.serial < issued.serial) throw new CoseError("an answer older than the one at hand");
    this.#certificate = this.#ownCertificate(opened);
    this.#answer = opened;
    this.#answerBytes = answer;
    if (bundle.serial > this.#bundle.serial) this.#take(bundle, opened.bundle);
    return true;
  }

  /** Takes a newer bundle; an older one is left. @returns whether it was newer. @throws CoseError unless signed. */
  update(bundle: Uint8Array): boolean {
    const verified = verifyBundle(this.#crypto, this.authorityKey, bundle);
    if (verified.serial <= this.#bundle.serial) return false;
    this.#take(verified, bundle);
    return true;
  }

  /** What to wrap with. @throws RangeError for a suite that the authority has not set up. */
  publisher(suite: string): SuitePublisher {
    const { parameters, generation } = this.#parameters(suite);
    const keys = this.#answer.keys.find((keys) => keys.suite === suite);
    // With symmetric suites the writer's key is of its own generation; nothing newer can be written with it.
    const hasOwnKey = keys?.writerKey !== undefined;
    return { parameters, generation: hasOwnKey ? keys.generation : generation, writerKey: keys?.writerKey };
  }

  /** What to unwrap with; undefined when the device reads nothing with the suite. */
  reader(suite: string): SuiteReader | undefined {
    const readerKey = this.#answer.keys.find((keys) => keys.suite === suite)?.readerKey;
    const current = this.#bundle.suites.find(({ name }) => name === suite);
    if (readerKey === undefined || current === undefined) return undefined;
    const { id } = this.#certificate;
    return { parameters: current.parameters, readerKey, subject: id, exchangeSecret: this.identity.exchangeSecret };
  }

  #parameters(suite: string): { readonly parameters: Uint8Array; readonly generation: number } {
    const found = this.#bundle.suites.find(({ name }) => name === suite);
    if (found === undefined) throw new RangeError(`the authority has not set up "${suite}"`);
    return found;
  }

  #take(bundle: PublicBundle, bytes: Uint8Array): void {
    this.#bundle = bundle;
    this.#bundleBytes = bytes;
  }

  #ownCertificate(answer: EnrolmentAnswer): Certificate {
    const certificate = verifyCertificate(this.#crypto, this.authorityKey, answer.certificate);
    if (!equalBytes(certificate.signingKey, publicIdentity(this.identity).signingKey)) {
      throw new CoseError("the certificate of another device");
    }
    return certificate;
  }
}
