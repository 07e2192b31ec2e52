import { StoreError } from "@isthmus/exchange";
import { PublishRefusedError, type PublishRefusal } from "../../publisher.js";

/** Why a request of CoAP or HTTP comes to nothing; each door has a code of its own for it. */
export type RequestRefusal =
  /** The request contradicts itself, or the rules of topics and properties. */
  | "malformed"
  /** Whoever asks has not said who they are, or not proved it. */
  | "unauthenticated"
  /** They may not. */
  | "forbidden"
  /** They ask for another server than this. */
  | "misdirected"
  /** There is no value. */
  | "not-found"
  /** The resource has no such method. */
  | "method-not-allowed"
  /** The value has no form that is asked for. */
  | "not-acceptable"
  /** The value is in another state than the request supposes. */
  | "precondition-failed"
  /** The body exceeds the limit. */
  | "too-large"
  /** The body is in a form that is not taken. */
  | "unsupported-content"
  /** More than a limit lets one client have. */
  | "too-many"
  /** The hub cannot at the moment. */
  | "unavailable";

/** A request that comes to nothing, and what to tell whoever asked. */
export class RequestRefusedError extends Error {
  override readonly name = "RequestRefusedError";
  readonly refusal: RequestRefusal;

  constructor(refusal: RequestRefusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.refusal = refusal;
  }
}

const refusalByPublishRefusal: Readonly<Record<PublishRefusal, RequestRefusal>> = {
  "topic-invalid": "malformed",
  "properties-invalid": "malformed",
  "not-authorized": "forbidden",
  "too-large": "too-large",
};

/** What an error means to whoever asked; undefined for one that nobody foresaw. */
export function asRequestRefusal(error: unknown): RequestRefusedError | undefined {
  if (error instanceof RequestRefusedError) return error;
  if (error instanceof PublishRefusedError) {
    return new RequestRefusedError(refusalByPublishRefusal[error.refusal], error.message, { cause: error });
  }
  if (error instanceof StoreError) {
    return new RequestRefusedError("unavailable", "the message could not be stored", { cause: error });
  }
  return undefined;
}
