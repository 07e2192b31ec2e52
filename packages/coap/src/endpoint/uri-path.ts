/**
 * The Uri-Path options of a request.
 *
 * Interned: requests for the same path share one object while the endpoint remembers it, and the same `text`, so a
 * router may cache by either without building strings.
 */
export interface UriPath {
  /** The decoded values; none for the root. */
  readonly segments: readonly string[];
  /** As in a URI: `/` and percent-encoded segments joined by `/` (RFC 7252 6.5); the root is "/". */
  readonly text: string;
}
