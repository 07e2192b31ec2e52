/** Why a message or a wrap was not taken: for the reader's own log. Nothing is ever sent back for it. */
export const OPEN_FAILURES = {
  malformed: "not a sealed message",
  "unknown-key": "the wrap of its key has not come yet",
  "not-for-us": "the keys of this reader do not open it",
  unauthentic: "altered, forged, or meant for another topic",
  "not-permitted": "its publisher may not publish this, or not at that time",
  revoked: "its publisher is revoked",
  repeated: "it was opened before",
  early: "its epoch lies in the future",
  late: "its epoch is long over",
  "too-often": "its publisher sends too many wraps",
} as const;

export type OpenFailure = keyof typeof OPEN_FAILURES;

/** A message or wrap that a reader does not take. */
export class OpenError extends Error {
  override readonly name = "OpenError";
  readonly failure: OpenFailure;

  constructor(failure: OpenFailure, options?: ErrorOptions) {
    super(OPEN_FAILURES[failure], options);
    this.failure = failure;
  }
}
