import { ListenError } from "@isthmus/hub";
import { UsageError } from "../command.js";

/** What a hub that does not start throws, as something that the user can do about; other errors as they are. */
export function explainStartError(error: unknown): unknown {
  if (error instanceof ListenError) return new UsageError(error.message);
  // So the hub says that its options do not go together.
  if (error instanceof RangeError) {
    return new UsageError(
      error.message,
      "docs/getting-started.md shows users and rules; --allow-anonymous lets anyone in",
    );
  }
  return error;
}
