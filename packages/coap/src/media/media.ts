import { contentFormat } from "../codec/content-formats.js";
import { type MediaCodec, mediaCodecs } from "./media-codec.js";
import { formatsOf, Representation } from "./representation.js";

/** A payload and what it is. */
export interface EncodedRepresentation {
  readonly contentFormat: number;
  readonly payload: Uint8Array;
}

/** A payload is not what its Content-Format says, or nobody here reads that format. */
export class MediaError extends Error {
  override readonly name = "MediaError";
  readonly contentFormat: number;
  /** Whether there is a codec for the format: then the payload is at fault, otherwise the format. */
  readonly isSupported: boolean;

  constructor(contentFormat: number, isSupported: boolean, message: string, options?: ErrorOptions) {
    super(message, options);
    this.contentFormat = contentFormat;
    this.isSupported = isSupported;
  }
}

/** The Content-Formats that a server or client reads and writes. Immutable. */
export class Media {
  readonly #codecByFormat: ReadonlyMap<number, MediaCodec>;

  /** @param additional codecs beside the built-in ones, or in their place. */
  constructor(additional: readonly MediaCodec[] = []) {
    this.#codecByFormat = new Map([...mediaCodecs, ...additional].map((codec) => [codec.contentFormat, codec]));
  }

  /**
   * `value` in the Content-Format that `accept` asks for, or in the first that it has when that is undefined.
   *
   * @returns undefined when the value has no such representation: 4.06 (RFC 7252 5.10.4).
   */
  encode(value: unknown, accept?: number): EncodedRepresentation | undefined {
    if (value instanceof Representation) return this.#encodeIn(value.formats, value.value, accept);
    return this.#encodeIn(formatsOf(value), value, accept);
  }

  #encodeIn(formats: readonly number[], inner: unknown, accept: number | undefined): EncodedRepresentation | undefined {
    for (const format of formats) {
      if (accept !== undefined && accept !== format) continue;
      // Bytes in a named format are that format already.
      const payload = inner instanceof Uint8Array ? inner : this.#codecByFormat.get(format)?.encode(inner);
      if (payload !== undefined) return { contentFormat: format, payload };
    }
    return undefined;
  }

  /** All representations of `value` that there are. */
  *encodeAll(value: unknown): Generator<EncodedRepresentation> {
    for (const format of value instanceof Representation ? value.formats : formatsOf(value)) {
      const encoded = this.encode(value, format);
      if (encoded !== undefined) yield encoded;
    }
  }

  /** Whether payloads of this Content-Format are understood. */
  canDecode(format: number): boolean {
    return this.#codecByFormat.has(format);
  }

  /**
   * The value of a payload: text, bytes, links, SenML records, or what JSON, CBOR and XML say. Without a Content-Format
   * it is bytes.
   *
   * @throws MediaError when the format is unknown or the payload malformed.
   */
  decode(payload: Uint8Array, format: number | undefined): unknown {
    if (format === undefined) return payload;
    const codec = this.#codecByFormat.get(format);
    if (codec === undefined) throw new MediaError(format, false, `${nameOf(format)} is not understood`);
    try {
      return codec.decode(payload);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new MediaError(format, true, `the payload is not ${nameOf(format)}: ${reason}`, { cause });
    }
  }
}

function nameOf(format: number): string {
  return contentFormat(format)?.mediaType ?? `Content-Format ${format}`;
}
