import { ByteWriter } from "@isthmus/bytes";
import { BYTE_STRING, encodeCbor, writeHead } from "./cbor.js";
import { type AeadAlgorithm, HEADER, NONCE_BYTES, TAG_BYTES } from "./cose-parameters.js";
import { countersign } from "./countersignature.js";
import { type Aead, type CryptoBackend, sealed } from "./crypto-backend.js";
import { encodeEncrypt0 } from "./encrypt0.js";
import { messageKeys, nonceOf, wrapTopic, writeNonce } from "./key-id.js";
import { externalAadOf, MessageAad } from "./message-aad.js";
import { Slab } from "./slab.js";

/** Messages under one key: the Partial IV has four bytes, and AES-GCM is good for 2^32 messages of this size. */
export const MAX_COUNTER = 0xffff_ffff;

export interface ContentKeyOptions {
  readonly contentKey: Uint8Array;
  readonly keyId: Uint8Array;
  readonly algorithm: AeadAlgorithm;
  /** Seconds since 1970; the key is not used from then on. */
  readonly expires: number;
  /** Counters 0 … messageLimit - 1 are used. */
  readonly messageLimit: number;
  /** The COSE_Sign1 that carries the key, to be retained at {@link ContentKey.wrapTopic}. */
  readonly wrapMessage: Uint8Array;
  /** Signs each message when given. */
  readonly countersigningSecret: Uint8Array | undefined;
  readonly crypto: CryptoBackend;
}

/** What a message may carry besides its payload. */
export interface SealExtras {
  /** Of the payload; authenticated, and readable by anyone. */
  readonly contentType?: string | undefined;
  /** Published to be retained: readers take it again when they subscribe again, and never an older one after it. */
  readonly isRetained?: boolean;
  /** Puts the wrap into the message, so that it opens without another. */
  readonly inlineWrap?: boolean;
}

/**
 * A content key in the hands of its publisher: seals messages, each with the next counter.
 *
 * It exists in memory alone and is never stored or restored. A publisher that starts again makes another key, so no
 * restart, crash or restored backup can bring a nonce back.
 */
export class ContentKey {
  readonly keyId: Uint8Array;
  readonly wrapTopic: string;
  readonly wrapMessage: Uint8Array;
  readonly expires: number;
  readonly #aead: Aead;
  readonly #contextIv: Uint8Array;
  readonly #options: ContentKeyOptions;
  readonly #aad = new MessageAad();
  readonly #slab = new Slab();
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  /** A message without extras up to its ciphertext. */
  readonly #template: Uint8Array;
  /** The protected header in the template, its last four bytes the counter. */
  readonly #protected: Uint8Array;
  /** The CBOR head of the last ciphertext. */
  #head: { readonly length: number; readonly bytes: Uint8Array } = { length: -1, bytes: new Uint8Array(0) };
  #counter = 0;

  constructor(options: ContentKeyOptions) {
    const { contentKey, keyId, algorithm, crypto } = options;
    const { key, contextIv } = messageKeys(contentKey, keyId, algorithm);
    this.keyId = keyId;
    this.wrapTopic = wrapTopic(keyId);
    this.wrapMessage = options.wrapMessage;
    this.expires = options.expires;
    this.#aead = crypto.aead(algorithm, key);
    this.#contextIv = contextIv;
    this.#options = options;
    const protectedBytes = this.#encodeProtected(0, {});
    const empty = { protectedBytes, unprotectedHeader: new Map(), ciphertext: new Uint8Array(0) };
    this.#template = encodeEncrypt0(empty).slice(0, -1); // without the head of the ciphertext
    const end = this.#template.length - 1; // before the empty map
    this.#protected = this.#template.subarray(end - protectedBytes.length, end);
  }

  /** Whether it may seal another message at `now` (Unix seconds). */
  isUsable(now: number): boolean {
    return now < this.expires && this.#counter < this.#options.messageLimit;
  }

  /**
   * The sealed message: a COSE_Encrypt0 in deterministic CBOR.
   *
   * @throws RangeError when the counter is used up.
   */
  seal(topic: string, payload: Uint8Array, extras?: SealExtras): Uint8Array {
    if (this.#counter >= this.#options.messageLimit) throw new RangeError("the key has sealed its last message");
    const counter = this.#counter++; // taken before anything can fail: never given twice
    if (extras !== undefined || this.#options.countersigningSecret !== undefined) {
      return this.#sealGeneral(counter, topic, payload, extras ?? {});
    }
    // The common message differs from the last in its counter and ciphertext only: patched, not encoded.
    writeCounter(this.#protected, this.#protected.length - 4, counter);
    const head = this.#ciphertextHead(payload.length + TAG_BYTES);
    const start = this.#template.length + head.length;
    const message = this.#slab.take(start + payload.length + TAG_BYTES);
    message.set(this.#template);
    message.set(head, this.#template.length);
    writeNonce(this.#nonce, this.#contextIv, counter);
    const additionalData = this.#aad.of(topic, this.#protected);
    this.#aead.seal(this.#nonce, additionalData, payload, message.subarray(start));
    return message;
  }

  #sealGeneral(counter: number, topic: string, payload: Uint8Array, extras: SealExtras): Uint8Array {
    const { countersigningSecret, crypto } = this.#options;
    const protectedBytes = this.#encodeProtected(counter, extras);
    const additionalData = this.#aad.of(topic, protectedBytes);
    const ciphertext = sealed(this.#aead, nonceOf(this.#contextIv, counter), additionalData, payload);
    const unprotectedHeader = new Map<number, Uint8Array>();
    if (countersigningSecret !== undefined) {
      const signature = countersign(crypto, countersigningSecret, { protectedBytes, ciphertext }, externalAadOf(topic));
      unprotectedHeader.set(HEADER.countersignature0, signature);
    }
    if (extras.inlineWrap) unprotectedHeader.set(HEADER.wrap, this.wrapMessage);
    return encodeEncrypt0({ protectedBytes, unprotectedHeader, ciphertext });
  }

  #ciphertextHead(length: number): Uint8Array {
    if (this.#head.length !== length) {
      const writer = new ByteWriter(8);
      writeHead(writer, BYTE_STRING, length);
      this.#head = { length, bytes: writer.view() };
    }
    return this.#head.bytes;
  }

  #encodeProtected(counter: number, { contentType, isRetained }: SealExtras): Uint8Array {
    const partialIv = new Uint8Array(4);
    writeCounter(partialIv, 0, counter);
    const header = new Map<number, number | string | boolean | Uint8Array>([
      [HEADER.algorithm, this.#options.algorithm],
      [HEADER.keyId, this.keyId],
      [HEADER.partialIv, partialIv],
    ]);
    if (contentType !== undefined) header.set(HEADER.contentType, contentType);
    if (isRetained) header.set(HEADER.isRetained, true);
    return encodeCbor(header);
  }
}

function writeCounter(bytes: Uint8Array, offset: number, counter: number): void {
  bytes[offset] = counter >>> 24;
  bytes[offset + 1] = counter >>> 16;
  bytes[offset + 2] = counter >>> 8;
  bytes[offset + 3] = counter;
}
