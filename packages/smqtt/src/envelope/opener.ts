import { equalBytes, readUint32, toHex } from "@isthmus/bytes";
import { type Certificate, isRevoked, permitsPublish, verifyCertificate } from "../authority/certificate.js";
import type { SuiteRegistry } from "../suites/registry.js";
import { CONTENT_KEY_BYTES, type SuiteReader } from "../suites/suite.js";
import { CoseError, HEADER } from "./cose-parameters.js";
import { verifyCountersignature } from "./countersignature.js";
import type { Aead, CryptoBackend } from "./crypto-backend.js";
import { type Encrypt0, parseEncrypt0 } from "./encrypt0.js";
import { KEY_ID_BYTES, keyIdOfContentKey, messageKeys, nonceOf, wrapTopic } from "./key-id.js";
import { externalAadOf, MessageAad } from "./message-aad.js";
import { OpenError } from "./open-error.js";
import { RateLimit } from "./rate-limit.js";
import { ReplayWindow } from "./replay-window.js";
import { RetainedPositions } from "./retained-positions.js";
import { WRAP_AAD } from "./sealer.js";
import { keyIdOf, parseSign1, verifySign1 } from "./sign1.js";
import { MAX_WRAP_MESSAGE_BYTES, parseWrapPayload, wrapContext, type WrapPayload } from "./wrap-message.js";

/** With what a reader opens. */
export interface OpenerOptions {
  readonly suites: SuiteRegistry;
  /** The keys for a suite at its current parameters; undefined when this reader has none. */
  readonly reader: (suite: string) => SuiteReader | undefined;
  /** Ed25519 public key of the authority. */
  readonly authorityKey: Uint8Array;
  /** Ids of revoked publishers, from the authority's latest bundle. */
  readonly revoked: () => readonly Uint8Array[];
  readonly crypto: CryptoBackend;
  /** Seconds that clocks may differ. Default 300. */
  readonly clockSkewSeconds?: number;
  /** Seconds after its epoch that a message which was not sealed as retained is still taken. Default 86,400. */
  readonly lateSeconds?: number;
  /** Content keys kept, the least recently used dropped first. Default 1,024. */
  readonly maxKeys?: number;
  /** Counters below the highest that each key's replay window remembers. Default 1,024. */
  readonly replayWindow?: number;
  /** Bytes of a wrap message. Default 10,240; `hpke` wraps take 93 bytes more for each reader. */
  readonly maxWrapBytes?: number;
  /** Unwraps that each publisher may cause: at once, and per second. Default 32 and 8. */
  readonly unwrapBurst?: number;
  readonly unwrapsPerSecond?: number;
}

/** An opened message. */
export interface Opened {
  readonly payload: Uint8Array;
  readonly contentType: string | undefined;
  /** Who sealed it, by the authority's word. */
  readonly publisher: Certificate;
  /** Unix seconds: when the epoch began in which it was sealed. */
  readonly epoch: number;
  /** Whether the publisher signed this very message; else any holder of its key could have sealed it. */
  readonly isCountersigned: boolean;
}

interface KnownKey {
  readonly keyId: Uint8Array;
  readonly aead: Aead;
  readonly contextIv: Uint8Array;
  readonly wrap: WrapPayload;
  readonly certificate: Certificate;
  readonly window: ReplayWindow;
}

/** A message that awaits its key. */
export interface Inspection {
  readonly keyId: Uint8Array;
  readonly wrapTopic: string;
  /** The wrap, when the message brings it along. */
  readonly inlineWrap: Uint8Array | undefined;
}

const DEFAULTS = { skew: 300, late: 86_400, maxKeys: 1024, window: 1024, burst: 32, perSecond: 8 };

/** Opens messages for a reader, keeps the content keys that it unwrapped, and refuses what comes twice. */
export class Opener {
  readonly #options: OpenerOptions;
  /** Key id in hexadecimal to key, in order of last use. */
  readonly #keyById = new Map<string, KnownKey>();
  #latest: KnownKey | undefined;
  readonly #aad = new MessageAad();
  readonly #rate: RateLimit;
  readonly #retained = new RetainedPositions();

  constructor(options: OpenerOptions) {
    this.#options = options;
    this.#rate = new RateLimit(options.unwrapBurst ?? DEFAULTS.burst, options.unwrapsPerSecond ?? DEFAULTS.perSecond);
  }

  /** Which key a sealed message needs. @throws OpenError when it is no sealed message. */
  inspect(bytes: Uint8Array): Inspection {
    const message = parseMessage(bytes);
    const keyId = keyIdOfMessage(message);
    const inlineWrap = message.unprotectedHeader.get(HEADER.wrap);
    return {
      keyId,
      wrapTopic: wrapTopic(keyId),
      inlineWrap: inlineWrap instanceof Uint8Array ? inlineWrap : undefined,
    };
  }

  hasKey(keyId: Uint8Array): boolean {
    if (this.#latest !== undefined && equalBytes(this.#latest.keyId, keyId)) return true;
    return this.#keyById.has(toHex(keyId));
  }

  /**
   * Takes a wrap message in: checks who signed it and when, then unwraps. The signature comes before any pairing, so
   * only publishers that the authority certified can make a reader compute, and those only so often.
   *
   * @param now Unix seconds.
   * @returns the key id that messages will name. @throws OpenError.
   */
  async addWrap(bytes: Uint8Array, now: number): Promise<Uint8Array> {
    const { payload, payloadBytes, certificate } = this.#verifyWrap(bytes, now);
    const suite = this.#options.suites.get(payload.suite);
    const reader = this.#options.reader(payload.suite);
    if (suite === undefined || reader === undefined) throw new OpenError("not-for-us");
    if (!this.#rate.take(toHex(certificate.id), now)) throw new OpenError("too-often");
    const contentKey = await suite.unwrap(reader, payload.wrap, wrapContext(payload)).catch(() => undefined);
    if (contentKey?.length !== CONTENT_KEY_BYTES) throw new OpenError("not-for-us");
    const keyId = keyIdOfContentKey(certificate.id, contentKey, payloadBytes);
    if (!this.hasKey(keyId)) this.#remember(keyId, contentKey, payload, certificate);
    return keyId;
  }

  /**
   * Opens a message.
   *
   * @param isRetained whether the broker gave it as retained. If its publisher meant it so too, it may come again, but
   *   no older one after it.
   * @param now Unix seconds.
   * @throws OpenError, with `unknown-key` when {@link addWrap} has to come first.
   */
  open(topic: string, bytes: Uint8Array, isRetained: boolean, now: number): Opened {
    const message = parseMessage(bytes);
    const known = this.#use(keyIdOfMessage(message));
    const counter = counterOf(message);
    // The publisher's word counts, not the broker's flag alone.
    const isMeantRetained = message.protectedHeader.get(HEADER.isRetained) === true;
    this.#checkTime(known, isMeantRetained, now);
    const position = { created: known.wrap.created, counter, keyId: known.keyId };
    const isAgain = isRetained && isMeantRetained && this.#retained.isLast(topic, position);
    if (known.window.hasSeen(counter) && !isAgain) throw new OpenError("repeated");
    if (isRetained && this.#retained.isOlder(topic, position)) throw new OpenError("repeated");

    const payload = this.#decrypt(known, message, topic, counter);
    if (!permitsPublish(known.certificate, topic, known.wrap.created)) throw new OpenError("not-permitted");
    if (!isAgain) known.window.accept(counter);
    if (isMeantRetained) this.#retained.accept(topic, position);
    const contentType = message.protectedHeader.get(HEADER.contentType);
    return {
      payload,
      contentType: typeof contentType === "string" ? contentType : undefined,
      publisher: known.certificate,
      epoch: known.wrap.created,
      isCountersigned: known.wrap.isCountersigned,
    };
  }

  #verifyWrap(
    bytes: Uint8Array,
    now: number,
  ): { payload: WrapPayload; payloadBytes: Uint8Array; certificate: Certificate } {
    const { crypto, authorityKey, maxWrapBytes = MAX_WRAP_MESSAGE_BYTES } = this.#options;
    if (bytes.length > maxWrapBytes) throw new OpenError("malformed");
    return asOpenError(() => {
      const message = parseSign1(bytes);
      const payload = parseWrapPayload(message.payload);
      const certificate = verifyCertificate(crypto, authorityKey, payload.certificate);
      if (!equalBytes(keyIdOf(message), certificate.id)) throw new OpenError("unauthentic");
      if (!verifySign1(crypto, certificate.signingKey, message, WRAP_AAD)) throw new OpenError("unauthentic");
      this.#checkWrapTime(payload, certificate, now);
      return { payload, payloadBytes: message.payload, certificate };
    });
  }

  #checkWrapTime({ created, expires }: WrapPayload, certificate: Certificate, now: number): void {
    const { clockSkewSeconds = DEFAULTS.skew } = this.#options;
    if (isRevoked(this.#options.revoked(), certificate.id)) throw new OpenError("revoked");
    const { from, until } = certificate.validity;
    if (created < from || created >= until || expires <= created) throw new OpenError("not-permitted");
    if (created > now + clockSkewSeconds) throw new OpenError("early");
  }

  #checkTime({ wrap, certificate }: KnownKey, isRetained: boolean, now: number): void {
    const { clockSkewSeconds = DEFAULTS.skew, lateSeconds = DEFAULTS.late } = this.#options;
    if (isRevoked(this.#options.revoked(), certificate.id)) throw new OpenError("revoked");
    if (!isRetained && now > wrap.expires + clockSkewSeconds + lateSeconds) throw new OpenError("late");
  }

  #decrypt(known: KnownKey, message: Encrypt0, topic: string, counter: number): Uint8Array {
    if (message.protectedHeader.get(HEADER.algorithm) !== known.wrap.algorithm) throw new OpenError("unauthentic");
    const additionalData = this.#aad.of(topic, message.protectedBytes);
    const payload = known.aead.open(nonceOf(known.contextIv, counter), additionalData, message.ciphertext);
    if (payload === undefined) throw new OpenError("unauthentic");
    const { crypto } = this.#options;
    // The wrap says that every message is signed, so that nobody can leave the signature out.
    if (
      known.wrap.isCountersigned &&
      !verifyCountersignature(crypto, known.certificate.signingKey, message, externalAadOf(topic))
    ) {
      throw new OpenError("unauthentic");
    }
    return payload;
  }

  #remember(keyId: Uint8Array, contentKey: Uint8Array, wrap: WrapPayload, certificate: Certificate): void {
    const { crypto, maxKeys = DEFAULTS.maxKeys, replayWindow = DEFAULTS.window } = this.#options;
    if (this.#latest !== undefined) {
      // Its place in the order of use was not kept while it was the latest.
      this.#keyById.delete(toHex(this.#latest.keyId));
      this.#keyById.set(toHex(this.#latest.keyId), this.#latest);
    }
    if (this.#keyById.size >= maxKeys) {
      for (const oldest of this.#keyById.keys()) {
        this.#keyById.delete(oldest);
        this.#latest = undefined;
        break;
      }
    }
    const { key, contextIv } = messageKeys(contentKey, keyId, wrap.algorithm);
    this.#keyById.set(toHex(keyId), {
      keyId,
      aead: crypto.aead(wrap.algorithm, key),
      contextIv,
      wrap,
      certificate,
      window: new ReplayWindow(replayWindow),
    });
  }

  #use(keyId: Uint8Array): KnownKey {
    // Most messages are under the key of the one before.
    if (this.#latest !== undefined && equalBytes(this.#latest.keyId, keyId)) return this.#latest;
    const name = toHex(keyId);
    const known = this.#keyById.get(name);
    if (known === undefined) throw new OpenError("unknown-key");
    this.#keyById.delete(name);
    this.#keyById.set(name, known);
    this.#latest = known;
    return known;
  }
}

function parseMessage(bytes: Uint8Array): Encrypt0 {
  return asOpenError(() => parseEncrypt0(bytes));
}

function keyIdOfMessage({ protectedHeader }: Encrypt0): Uint8Array {
  const keyId = protectedHeader.get(HEADER.keyId);
  if (!(keyId instanceof Uint8Array) || keyId.length !== KEY_ID_BYTES) throw new OpenError("malformed");
  return keyId;
}

/** The Partial IV is always four bytes: one encoding per counter. */
function counterOf({ protectedHeader }: Encrypt0): number {
  const partialIv = protectedHeader.get(HEADER.partialIv);
  if (!(partialIv instanceof Uint8Array) || partialIv.length !== 4) throw new OpenError("malformed");
  return readUint32(partialIv, 0);
}

function asOpenError<V>(parse: () => V): V {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof OpenError) throw cause;
    if (cause instanceof CoseError) throw new OpenError("malformed", { cause });
    throw cause;
  }
}
