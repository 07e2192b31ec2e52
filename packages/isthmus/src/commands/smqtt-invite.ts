import type { Command } from "../command.js";
import { parseArguments } from "../coap/operands.js";
import { type FlagTable, integer, renderHelp } from "../flags.js";
import { asked } from "../smqtt/asked.js";
import { openAuthority } from "../smqtt/key-files.js";
import { AUTHORITY_FLAGS, GRANT_FLAGS, plannedGrant } from "../smqtt/key-flags.js";
import { nameOperand } from "../smqtt/name-operand.js";

const INVITE_FLAGS = {
  validDays: integer("--valid", "DAYS", "how long the invitation is good (7)", [1, 365]),
} as const satisfies FlagTable;

const FLAGS = { ...INVITE_FLAGS, ...GRANT_FLAGS, ...AUTHORITY_FLAGS };

/** `isthmus smqtt invite`: lets one device enrol by itself. */
export const command: Command = {
  help: renderHelp({
    summary:
      "Prints an invitation: whoever brings it enrols as NAME, once, and gets what the flags grant. Hand it over where\n" +
      "nobody else reads it.",
    usage: ["isthmus smqtt invite NAME {--publish FILTER | --subscribe FILTER | --role ROLE}... [flags]"],
    groups: [
      { title: "Invitation", flags: INVITE_FLAGS },
      { title: "Grant", flags: GRANT_FLAGS },
      { title: "Authority", flags: AUTHORITY_FLAGS },
    ],
    examples: [
      "isthmus smqtt invite display --subscribe 'house/+/temperature'",
      "isthmus smqtt invite nurse7 --role nurse --role ward=3 --days 90 --valid 1",
    ],
    exitCodes: ["0 when the invitation is printed", "1 for an error"],
  }),
  async run(args, terminal) {
    const { values, operands } = parseArguments(FLAGS, args, "smqtt invite");
    const name = nameOperand(operands);
    const grant = plannedGrant(values);
    const file = await openAuthority(values, terminal);
    const invitation = await asked(async () =>
      file.change(async (authority) => authority.invite(name, grant, values.validDays)),
    );
    terminal.stdout.write(`${invitation}\n`);
    return 0;
  },
};
