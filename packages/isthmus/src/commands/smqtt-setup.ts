import { toHex } from "@isthmus/bytes";
import { subjectId } from "@isthmus/smqtt";
import { AuthorityFile } from "@isthmus/smqtt/node";
import { type Command, UsageError } from "../command.js";
import { type FlagTable, parseFlags, renderHelp, text } from "../flags.js";
import { asked } from "../smqtt/asked.js";
import { authorityPassphrase, explained, loadCryptography } from "../smqtt/key-files.js";
import { AUTHORITY_FLAGS, authorityPath, COST_FLAGS } from "../smqtt/key-flags.js";

const SETUP_FLAGS = {
  name: text("--name", "NAME", "the name of the system (house)"),
  suites: text("--suites", "LIST", "what to seal with: kp-abe, cp-abe, hpke, psk-tree, psk (kp-abe,cp-abe)"),
} as const satisfies FlagTable;

const FLAGS = { ...SETUP_FLAGS, ...AUTHORITY_FLAGS, ...COST_FLAGS };

/** `isthmus smqtt setup`: makes an authority. */
export const command: Command = {
  help: renderHelp({
    summary:
      "Makes an authority: the master secrets, from which all keys come, in a file that only you can read. It needs no\n" +
      "network; keep the file offline, for whoever has it and its passphrase can read everything.",
    usage: ["isthmus smqtt setup [--name NAME] [--suites LIST] [--authority FILE]"],
    groups: [
      { title: "Setup", flags: SETUP_FLAGS },
      { title: "Authority", flags: { ...AUTHORITY_FLAGS, ...COST_FLAGS } },
    ],
    examples: [
      "isthmus smqtt setup --name hospital",
      "isthmus smqtt setup --suites hpke --authority ~/keys/home.smqtt",
    ],
    exitCodes: ["0 when the authority is made", "1 for an error"],
  }),
  async run(args, terminal) {
    const values = parseFlags(FLAGS, args, "smqtt setup");
    const path = authorityPath(values);
    const suites = (values.suites ?? "kp-abe,cp-abe").split(",").map((suite) => suite.trim());
    if (new Set(suites).size < suites.length) throw new UsageError("--suites names one twice");
    const cryptography = await loadCryptography();
    const unknown = suites.find((suite) => !cryptography.suites.has(suite));
    if (unknown !== undefined) {
      throw new UsageError(`there is no suite "${unknown}"`, `there are ${[...cryptography.suites.keys()].join(", ")}`);
    }
    const passphrase = await authorityPassphrase(values, terminal, true);
    const { logCost } = values;
    const options = { ...cryptography, ...(logCost !== undefined && { logCost }) };
    const file = await explained(path, async () =>
      asked(async () => AuthorityFile.create(path, passphrase, values.name ?? "house", suites, options)),
    );
    const { name, signingKey } = await file.read();
    terminal.stdout.write(
      `authority "${name}" in ${path}\n  id      ${toHex(subjectId(signingKey))}\n  suites  ${suites.join(", ")}\n` +
        "next: isthmus smqtt enrol NAME --publish FILTER --subscribe FILTER\n",
    );
    return 0;
  },
};
