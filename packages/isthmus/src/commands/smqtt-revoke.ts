import { type Authority, announce } from "@isthmus/smqtt";
import { type Command, UsageError } from "../command.js";
import { parseArguments } from "../coap/operands.js";
import { type FlagTable, renderHelp, toggle } from "../flags.js";
import { asked } from "../smqtt/asked.js";
import { BROKER_FLAGS, runOnBroker } from "../smqtt/broker-flags.js";
import { openAuthority } from "../smqtt/key-files.js";
import { AUTHORITY_FLAGS } from "../smqtt/key-flags.js";
import { deviceIds } from "../smqtt/device-ids.js";

const REVOKE_FLAGS = {
  isQuietly: toggle("--offline", "tell no broker: isthmus smqtt renew does it later"),
} as const satisfies FlagTable;

const FLAGS = { ...REVOKE_FLAGS, ...AUTHORITY_FLAGS, ...BROKER_FLAGS };

/** `isthmus smqtt revoke`: shuts devices out. */
export const command: Command = {
  help: renderHelp({
    summary:
      "Shuts devices out, by name or id: they get no more keys, what they publish is not believed, and nothing sealed from\n" +
      "now on opens for them. The others' renewed keys and the authority's word go to the broker, retained.",
    usage: ["isthmus smqtt revoke NAME... [-h HOST] [-p PORT] [flags]", "isthmus smqtt revoke NAME... --offline"],
    groups: [
      { title: "Revocation", flags: REVOKE_FLAGS },
      { title: "Authority", flags: AUTHORITY_FLAGS },
      { title: "Connection", flags: BROKER_FLAGS },
    ],
    examples: ["isthmus smqtt revoke nurse7 -h broker.example"],
    exitCodes: ["0 when they are revoked and all have been told", "1 for an error"],
  }),
  async run(args, terminal) {
    const { values, operands } = parseArguments(FLAGS, args, "smqtt revoke");
    if (operands.length === 0)
      throw new UsageError("which devices?", "isthmus smqtt inspect AUTHORITY-FILE lists them");
    const file = await openAuthority(values, terminal);
    const { answers, authority } = await asked(async () =>
      file.change(async (owner: Authority) => {
        await owner.revoke(deviceIds(owner, operands));
        return { answers: await owner.renewAll(), authority: owner };
      }),
    );
    terminal.stdout.write(`revoked: ${operands.join(", ")}\n`);
    if (values.isQuietly) return 0;
    return runOnBroker(values, terminal, async (client) => {
      await announce(client, authority, answers);
      terminal.stdout.write(`told to the broker, with renewed keys for ${answers.size} devices\n`);
    });
  },
};
