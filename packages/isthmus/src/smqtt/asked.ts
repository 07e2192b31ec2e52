import { CoseError, EnrolmentError, GrantError, TopicError, WrapError } from "@isthmus/smqtt";
import { AttributeError, PolicyError } from "@isthmus/smqtt/abe";
import { UsageError } from "../command.js";

/** What the library says to who asked for something that cannot be. RangeError: a suite or a name. */
const REFUSALS = [
  AttributeError,
  CoseError,
  EnrolmentError,
  GrantError,
  PolicyError,
  RangeError,
  SyntaxError,
  TopicError,
  WrapError,
];

/** Does what the user asked for. @throws UsageError with the reason when that cannot be. */
export async function asked<V>(action: () => Promise<V>, hint?: string): Promise<V> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Error) || !REFUSALS.some((kind) => error instanceof kind)) throw error;
    throw new UsageError(error.message, hint);
  }
}
