import { UsageError } from "../command.js";

/** The one name that a command is about. @throws UsageError for none or several. */
export function nameOperand(operands: readonly string[]): string {
  const [name, ...others] = operands;
  if (name === undefined) throw new UsageError("the device needs a name", "such as: isthmus smqtt enrol sensor ...");
  if (others.length > 0) throw new UsageError(`"${others.join(" ")}" is one word too many`, "one device at a time");
  return name;
}
