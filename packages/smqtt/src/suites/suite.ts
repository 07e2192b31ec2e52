import type { RandomBytes } from "../random.js";

/**
 * A way to give one fresh content key to all who may read, and to nobody else: the "key generation algorithm" that
 * Secure MQTT leaves to the developer.
 *
 * All that crosses this interface is bytes and plain values, so that a suite can run in a worker, keys can be stored,
 * and a suite of one's own needs nothing of this package but these types. `wrap` and `unwrap` get `context`, bytes
 * that say who wraps, for which epoch and under which rules; unwrapping under another context must fail.
 */
export interface Suite {
  /** The name on the wire, such as `kp-abe`. */
  readonly name: string;
  /** New master secrets. */
  setup(random: RandomBytes): Promise<SuiteMaster>;
  /** Keys for one device; the suite may also have to remember it in the parameters. */
  enrol(master: SuiteMaster, grant: Grant, random: RandomBytes): Promise<SuiteEnrolment>;
  /** The next generation: what is wrapped from then on opens for nobody who was not enrolled anew. */
  rotate(master: SuiteMaster, revoked: readonly Uint8Array[], random: RandomBytes): Promise<SuiteMaster>;
  /** Targets with the same scope share a content key. Called once per topic and epoch, not per message. */
  scope(publisher: SuitePublisher, target: WrapTarget): string;
  /** A fresh content key for those who may read the target. @throws WrapError when the target cannot be wrapped for. */
  wrap(publisher: SuitePublisher, target: WrapTarget, context: Uint8Array, random: RandomBytes): Promise<WrappedKey>;
  /** The content key. @throws UnwrapError, whatever the reason. */
  unwrap(reader: SuiteReader, wrap: Uint8Array, context: Uint8Array): Promise<Uint8Array>;
}

/** What the authority keeps for a suite. */
export interface SuiteMaster {
  /** Counts rotations, from 1. */
  readonly generation: number;
  readonly secret: Uint8Array;
  /** What anyone may know; the authority signs it. */
  readonly parameters: Uint8Array;
}

/** What a device may do, and until when. */
export interface Grant {
  /** The device's id, {@link SUBJECT_ID_BYTES} long. */
  readonly subject: Uint8Array;
  /** The device's X25519 public key, for suites that wrap to it. */
  readonly exchangeKey: Uint8Array;
  /** Topic filters that it may read. */
  readonly subscribe: readonly string[];
  /** Topic filters that it may publish to. */
  readonly publish: readonly string[];
  /** What it is: roles, and integers such as `["floor", 3]`. */
  readonly attributes: readonly (string | readonly [name: string, value: number])[];
  readonly validity: Validity;
  /** Whether keys leave out what was sealed before the latest rotation. */
  readonly isForwardOnly: boolean;
}

/** From (included) until (excluded), in Unix seconds. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

export const SUBJECT_ID_BYTES = 8;

export interface SuiteEnrolment {
  /** The master as it is after the enrolment. */
  readonly master: SuiteMaster;
  /** Secret; undefined when the grant lets it read nothing. */
  readonly readerKey: Uint8Array | undefined;
  /** Secret; undefined when it may publish nothing, or the public parameters are all that takes. */
  readonly writerKey: Uint8Array | undefined;
}

/** What a publisher wraps with. */
export interface SuitePublisher {
  readonly parameters: Uint8Array;
  readonly generation: number;
  readonly writerKey: Uint8Array | undefined;
}

/** What a reader unwraps with. */
export interface SuiteReader {
  readonly parameters: Uint8Array;
  readonly readerKey: Uint8Array;
  readonly subject: Uint8Array;
  /** The device's X25519 private key, for suites that wrap to it. */
  readonly exchangeSecret: Uint8Array;
}

/** What a content key is for. */
export interface WrapTarget {
  readonly topic: string;
  /** Who may read, in the policy language; for suites in which the publisher decides that. */
  readonly policy: string | undefined;
  /** Unix seconds; suites with expiring keys wrap for the hour of it. */
  readonly time: number;
}

export interface WrappedKey {
  /** 32 bytes. */
  readonly contentKey: Uint8Array;
  /** Public. */
  readonly wrap: Uint8Array;
}

export const CONTENT_KEY_BYTES = 32;

/** A grant that the suite cannot express; says which part. */
export class GrantError extends Error {
  override readonly name = "GrantError";
}

/** The publisher asked for what cannot be: no policy, no key for the topic, nobody who may read. */
export class WrapError extends Error {
  override readonly name = "WrapError";
}

/** The wrap does not open with this key. Why is not said: see {@link DecapsulationError}. */
export class UnwrapError extends Error {
  override readonly name = "UnwrapError";

  constructor() {
    super("the wrap does not open");
  }
}
