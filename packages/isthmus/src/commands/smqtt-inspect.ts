import { buffer } from "node:stream/consumers";
import { fromHex, toHex } from "@isthmus/bytes";
import { CoseError, inspect, parseInvitation, subjectId } from "@isthmus/smqtt";
import { type Command, type Terminal, UsageError } from "../command.js";
import { parseArguments } from "../coap/operands.js";
import { type FlagValues, renderHelp } from "../flags.js";
import { readInput } from "../mqtt/connection-flags.js";
import { describeDevice, describeInspected, describeMembership, lines } from "../smqtt/describe.js";
import { DeviceKeys, openAuthority } from "../smqtt/key-files.js";
import { AUTHORITY_FLAGS, DEVICE_FLAGS } from "../smqtt/key-flags.js";

const FLAGS = { ...AUTHORITY_FLAGS, ...DEVICE_FLAGS };

/** `isthmus smqtt inspect`: what is in a file or a message. */
export const command: Command = {
  help: renderHelp({
    summary:
      "Shows what is in a file: an authority's or a device's (their passphrase is needed), or without any key what a broker\n" +
      "sees of a sealed message, a wrap, a bundle or an invitation. - reads standard input; hexadecimal digits will do.",
    usage: ["isthmus smqtt inspect {FILE | -}... [flags]"],
    groups: [
      { title: "Device", flags: DEVICE_FLAGS },
      { title: "Authority", flags: AUTHORITY_FLAGS },
    ],
    examples: [
      "isthmus smqtt inspect authority.smqtt",
      "isthmus smqtt inspect sensor.smqtt",
      "isthmus sub -t house/kitchen/temperature -C 1 -F %x | isthmus smqtt inspect -",
    ],
    exitCodes: ["0 when all could be shown", "1 for an error"],
  }),
  async run(args, terminal) {
    const { values, operands } = parseArguments(FLAGS, args, "smqtt inspect");
    const files = operands.length > 0 ? operands : [values.authority ?? values.keys ?? ""];
    if (files.includes("")) throw new UsageError("there is nothing to inspect", "name a file, or - for standard input");
    for (const file of files) terminal.stdout.write(await describe(file, values, terminal));
    return 0;
  },
};

async function describe(file: string, values: FlagValues<typeof FLAGS>, terminal: Terminal): Promise<string> {
  const given = file === "-" ? await buffer(terminal.stdin) : readInput("inspect", file);
  const text = given.toString("latin1").trim();
  if (text.startsWith("smqtt:")) return describeInvitation(text);
  const bytes = isHex(text) ? fromHex(text) : new Uint8Array(given);
  const inspected = inspectBytes(bytes, file);
  if (inspected.type !== "file") return describeInspected(inspected, bytes.length);
  if (inspected.kind === "smqtt-device") {
    const keys = await DeviceKeys.open({ ...values, keys: file }, terminal);
    if (keys.file.membership === undefined) return `${file}: a device that awaits the authority's answer\n`;
    return `${file}: ${describeMembership(await keys.membership())}`;
  }
  const authority = await (await openAuthority({ ...values, authority: file }, terminal)).read();
  const suites = authority.suites.map(({ name, generation }) => `${name} (generation ${generation})`);
  const devices = [...authority.devices].map(([id, device]) => describeDevice(id, device));
  return (
    lines(`${file}: authority "${authority.name}"`, [
      ["id", toHex(subjectId(authority.signingKey))],
      ["suites", suites.join(", ")],
      ["devices", String(devices.length)],
    ]) + devices.join("")
  );
}

function inspectBytes(bytes: Uint8Array, file: string): ReturnType<typeof inspect> {
  try {
    return inspect(bytes);
  } catch (error) {
    if (!(error instanceof CoseError)) throw error;
    throw new UsageError(`${file}: ${error.message}`);
  }
}

function describeInvitation(text: string): string {
  try {
    return lines("invitation: whoever brings it can enrol, once", [
      ["authority", toHex(subjectId(parseInvitation(text).authorityKey))],
    ]);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(error.message);
  }
}

function isHex(text: string): boolean {
  return text.length > 0 && /^[0-9a-fA-F\s]+$/.test(text);
}
