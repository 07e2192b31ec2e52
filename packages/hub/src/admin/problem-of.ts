import { asRequestRefusal, type RequestRefusal } from "../doors/requests/request-refusal.js";
import { Problem } from "./problem.js";

const STATUS_BY_REFUSAL: Partial<Record<RequestRefusal, number>> = {
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  "not-found": 404,
  "too-large": 413,
  unavailable: 503,
};

/** What nobody foresaw is ours, and says nothing of itself to others. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const refusal = asRequestRefusal(error);
  const status = refusal && STATUS_BY_REFUSAL[refusal.refusal];
  if (refusal !== undefined && status !== undefined) return new Problem(status, refusal.message, { cause: error });
  return new Problem(500, "the hub has failed to answer; its log says why", { cause: error });
}
