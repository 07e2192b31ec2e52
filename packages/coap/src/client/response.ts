import { toHex } from "@isthmus/bytes";
import { codeName, formatCode, isSuccessCode } from "../codec/codes.js";
import { Option } from "../codec/option-definitions.js";
import type { Options } from "../codec/options.js";
import { formatUriPath, formatUriQuery } from "../codec/uri.js";
import type { Peer } from "../endpoint/endpoint.js";
import type { IncomingResponse } from "../endpoint/outgoing.js";
import type { Media } from "../media/media.js";
import { Format } from "../media/media-codec.js";

/** What a server answered, whole. */
export class CoapResponse {
  readonly peer: Peer;
  readonly code: number;
  readonly options: Options;
  readonly payload: Uint8Array;
  /** Whether it is a notification, after which others may follow. */
  readonly isNotification: boolean;
  readonly #media: Media;

  /** For the client. */
  constructor(response: IncomingResponse, media: Media) {
    this.peer = response.peer;
    this.code = response.code;
    this.options = response.options;
    this.payload = response.payload;
    this.isNotification = response.isNotification;
    this.#media = media;
  }

  /** Whether the code is a success, 2.xx. */
  get ok(): boolean {
    return isSuccessCode(this.code);
  }

  /** The code as "2.05". */
  get status(): string {
    return formatCode(this.code);
  }

  /** The standard's name of the code, as "Content"; "" when it has none. */
  get statusText(): string {
    return codeName(this.code) ?? "";
  }

  get contentFormat(): number | undefined {
    return this.options.uint(Option.CONTENT_FORMAT);
  }

  /** Seconds for which it is fresh; 60 when it does not say (RFC 7252 5.10.5). */
  get maxAge(): number {
    return this.options.uint(Option.MAX_AGE) ?? 60;
  }

  get etag(): Uint8Array | undefined {
    return this.options.bytes(Option.ETAG);
  }

  /** Where what was created is, as "/log/17?level=2". */
  get location(): string | undefined {
    const path = this.options.texts(Option.LOCATION_PATH);
    const query = this.options.texts(Option.LOCATION_QUERY);
    if (path.length === 0 && query.length === 0) return undefined;
    return formatUriPath(path) + formatUriQuery(query);
  }

  /**
   * The body as its Content-Format says: text, bytes, links, SenML records, or what JSON, CBOR and XML hold.
   *
   * @throws MediaError when the format is not understood, or the payload is not what it says.
   */
  body(): unknown {
    return this.#media.decode(this.payload, this.contentFormat);
  }

  /** The body as text, whatever its Content-Format. @throws MediaError when it is not UTF-8. */
  text(): string {
    return String(this.#media.decode(this.payload, Format.TEXT));
  }

  /** One line for people, as "4.04 Not Found: there is nothing here". */
  toString(): string {
    const head = `${this.status} ${this.statusText}`;
    if (this.ok || this.payload.length === 0) return head;
    try {
      return `${head}: ${this.text()}`;
    } catch {
      return `${head}: ${toHex(this.payload)}`;
    }
  }
}
