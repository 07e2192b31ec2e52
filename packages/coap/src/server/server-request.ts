import { codeName } from "../codec/codes.js";
import { Option } from "../codec/option-definitions.js";
import type { Options } from "../codec/options.js";
import type { Peer } from "../endpoint/endpoint.js";
import type { IncomingRequest } from "../endpoint/incoming.js";
import type { Media } from "../media/media.js";
import { Format } from "../media/media-codec.js";
import { UriQuery } from "./uri-query.js";

/** What makes a request one for a notification. */
export interface Notification {
  /** The Content-Format that all notifications of the observation have (RFC 7641 4.2). */
  readonly accept: number | undefined;
}

/** A request as a handler sees it. What its options say is read when it is asked for. */
export class ServerRequest<Parameters = unknown> {
  /** The request as the endpoint gave it, for what is not found here. */
  readonly incoming: IncomingRequest;
  /** What the path pattern captured. */
  readonly params: Parameters;
  readonly #notification: Notification | undefined;
  readonly #media: Media;
  #query: UriQuery | undefined;

  /** For the server. */
  constructor(incoming: IncomingRequest, params: Parameters, media: Media, notification?: Notification) {
    this.incoming = incoming;
    this.params = params;
    this.#media = media;
    this.#notification = notification;
  }

  /** Whether an observer is to be told, rather than a request answered (RFC 7641 4.2). */
  get isNotification(): boolean {
    return this.#notification !== undefined;
  }

  get code(): number {
    return this.incoming.code;
  }

  /** The method by name, as "GET". */
  get method(): string {
    return codeName(this.code) ?? String(this.code);
  }

  get peer(): Peer {
    return this.incoming.peer;
  }

  get options(): Options {
    return this.incoming.options;
  }

  /** As in a URI, percent-encoded: "/a/b". */
  get path(): string {
    return this.incoming.path.text;
  }

  /** @throws Utf8Error, which is answered 4.02. */
  get query(): UriQuery {
    this.#query ??= new UriQuery(this.options.texts(Option.URI_QUERY));
    return this.#query;
  }

  /** The Content-Format of the payload. */
  get contentFormat(): number | undefined {
    return this.options.uint(Option.CONTENT_FORMAT);
  }

  /** The Content-Format that the client wants, or got with the first notification. */
  get accept(): number | undefined {
    return this.#notification?.accept ?? this.options.uint(Option.ACCEPT);
  }

  /** The whole body, however many blocks it came in. */
  get payload(): Uint8Array {
    return this.incoming.payload;
  }

  /**
   * The body as its Content-Format says: text, bytes, links, SenML records, or what JSON, CBOR and XML hold.
   *
   * @throws MediaError, which is answered 4.00, or 4.15 when the format is not understood.
   */
  body(): unknown {
    return this.#media.decode(this.payload, this.contentFormat);
  }

  /** The body as text, whatever its Content-Format. @throws MediaError when it is not UTF-8, which is answered 4.00. */
  text(): string {
    return String(this.#media.decode(this.payload, Format.TEXT));
  }
}
