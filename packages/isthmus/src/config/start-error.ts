import { AccessError, ListenError, TlsError } from "@isthmus/hub";
import { UsageError } from "../command.js";

/** What a hub that does not start throws, as something that the user can do about; other errors as they are. */
export function explainStartError(error: unknown): unknown {
  if (error instanceof AccessError || error instanceof TlsError) return new UsageError(error.message, error.hint);
  if (error instanceof ListenError) return new UsageError(error.message);
  // So the hub says that a value of its options cannot be.
  if (error instanceof RangeError) return new UsageError(error.message, "docs/configuration.md lists the settings");
  return error;
}
