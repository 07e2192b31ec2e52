import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { announce, renewOver } from "@isthmus/smqtt";
import { type Command, type Terminal, UsageError } from "../command.js";
import { parseArguments } from "../coap/operands.js";
import { type FlagTable, type FlagValues, renderHelp, text } from "../flags.js";
import { readInput } from "../mqtt/connection-flags.js";
import { asked } from "../smqtt/asked.js";
import { BROKER_FLAGS, runOnBroker } from "../smqtt/broker-flags.js";
import { describeMembership } from "../smqtt/describe.js";
import { deviceIds } from "../smqtt/device-ids.js";
import { DeviceKeys, openAuthority } from "../smqtt/key-files.js";
import { AUTHORITY_FLAGS, DEVICE_FLAGS } from "../smqtt/key-flags.js";

const RENEW_FLAGS = {
  answer: text("--answer", "FILE", "of a device: take the keys from this file"),
  directory: text("--out", "DIRECTORY", "of the authority: write each device's answer to a file, and ask no broker"),
} as const satisfies FlagTable;

const FLAGS = { ...RENEW_FLAGS, ...DEVICE_FLAGS, ...AUTHORITY_FLAGS, ...BROKER_FLAGS };

type RenewValues = FlagValues<typeof FLAGS>;

/** `isthmus smqtt renew`: fresh keys. */
export const command: Command = {
  help: renderHelp({
    summary:
      "Gives devices fresh keys, good for another period. A device asks for its own over a broker, where the authority\n" +
      "answers; the authority gives them to devices that did not ask, named or all, retained at the broker or in files.",
    usage: [
      "isthmus smqtt renew --keys FILE [-h HOST] [-p PORT] [flags]",
      "isthmus smqtt renew --keys FILE --answer FILE",
      "isthmus smqtt renew --authority FILE [NAME...] {[-h HOST] | --out DIRECTORY}",
    ],
    groups: [
      { title: "Renewal", flags: RENEW_FLAGS },
      { title: "Device", flags: DEVICE_FLAGS },
      { title: "Authority", flags: AUTHORITY_FLAGS },
      { title: "Connection", flags: BROKER_FLAGS },
    ],
    examples: [
      "isthmus smqtt renew --keys sensor.smqtt -h broker.example",
      "isthmus smqtt renew --authority house.smqtt sensor display",
    ],
    exitCodes: ["0 when the keys are renewed", "1 for an error"],
  }),
  async run(args, terminal) {
    const { values, operands } = parseArguments(FLAGS, args, "smqtt renew");
    if (values.authority !== undefined) return renewDevices(values, operands, terminal);
    if (operands.length > 0) {
      throw new UsageError(`"${operands.join(" ")}" is for the authority to renew`, "add --authority FILE");
    }
    return renewOwn(values, terminal);
  },
};

async function renewOwn(values: RenewValues, terminal: Terminal): Promise<number> {
  const keys = await DeviceKeys.open(values, terminal);
  const membership = await keys.membership();
  const finish = async (): Promise<void> => {
    await keys.save(membership.file);
    terminal.stdout.write(`${keys.path}: ${describeMembership(membership)}`);
  };
  if (values.answer === undefined) {
    return runOnBroker(values, terminal, async (client) => {
      await renewOver(client, membership);
      await finish();
    });
  }
  const answer = new Uint8Array(readInput("--answer", values.answer));
  await asked(async () => membership.renew(answer));
  await finish();
  return 0;
}

async function renewDevices(values: RenewValues, names: readonly string[], terminal: Terminal): Promise<number> {
  const file = await openAuthority(values, terminal);
  const { authority, answers } = await asked(async () =>
    file.change(async (owner) => {
      if (names.length === 0) return { authority: owner, answers: await owner.renewAll() };
      const renewed = new Map<string, Uint8Array>();
      for (const id of deviceIds(owner, names)) renewed.set(id, await owner.renew(id));
      return { authority: owner, answers: renewed };
    }),
  );
  const nameOf = (id: string): string => authority.devices.get(id)?.name ?? id;
  const { directory } = values;
  if (directory === undefined) {
    return runOnBroker(values, terminal, async (client) => {
      await announce(client, authority, answers);
      terminal.stdout.write(`renewed: ${[...answers.keys()].map(nameOf).join(", ")}\n`);
    });
  }
  await mkdir(directory, { recursive: true });
  for (const [id, answer] of answers) {
    const path = join(directory, `${id}.answer`);
    await writeFile(path, answer);
    terminal.stdout.write(`${path}  ${nameOf(id)}\n`);
  }
  return 0;
}
