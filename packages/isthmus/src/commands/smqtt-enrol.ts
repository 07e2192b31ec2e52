import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import {
  createIdentity,
  enrolOver,
  type Joining,
  Membership,
  type PassphraseKey,
  publicIdentity,
  secureRandomBytes,
} from "@isthmus/smqtt";
import { nodeCrypto } from "@isthmus/smqtt/node";
import { type Command, type Terminal, UsageError } from "../command.js";
import { parseArguments } from "../coap/operands.js";
import { type FlagTable, type FlagValues, renderHelp, text } from "../flags.js";
import { readInput } from "../mqtt/connection-flags.js";
import { asked } from "../smqtt/asked.js";
import { BROKER_FLAGS, runOnBroker } from "../smqtt/broker-flags.js";
import { enrolOverHttp } from "../smqtt/enrol-over-http.js";
import { DeviceKeys, newDeviceKey, openAuthority } from "../smqtt/key-files.js";
import {
  AUTHORITY_FLAGS,
  COST_FLAGS,
  DEVICE_FLAGS,
  devicePath,
  GRANT_FLAGS,
  plannedGrant,
} from "../smqtt/key-flags.js";
import { nameOperand } from "../smqtt/name-operand.js";
import { describeMembership } from "../smqtt/describe.js";

const ENROL_FLAGS = {
  invitation: text("--invitation", "TEXT", "what isthmus smqtt invite printed; @FILE reads it from a file"),
  http: text("--http", "URL", "with an invitation: ask over HTTP, at a hub such as http://localhost:8080"),
  request: text("--request", "FILE", "with an invitation: write the request to a file, to be carried by hand"),
  answer: text("--answer", "FILE", "the authority's answer to that request"),
} as const satisfies FlagTable;

const FLAGS = { ...ENROL_FLAGS, ...DEVICE_FLAGS, ...COST_FLAGS, ...GRANT_FLAGS, ...AUTHORITY_FLAGS, ...BROKER_FLAGS };

type EnrolValues = FlagValues<typeof FLAGS>;

/** `isthmus smqtt enrol`: registers a device. */
export const command: Command = {
  help: renderHelp({
    summary:
      "Registers a device: makes its own keys, and gets what it may publish and read from the authority. With the\n" +
      "authority's file at hand that is one step; elsewhere the device brings an invitation, and asks over a broker, over\n" +
      "HTTP, or by files. Whoever carries request and answer learns nothing from them.",
    usage: [
      "isthmus smqtt enrol NAME {--publish FILTER | --subscribe FILTER | --role ROLE}... [--authority FILE]",
      "isthmus smqtt enrol --invitation TEXT [-h HOST] [-p PORT] [flags]",
      "isthmus smqtt enrol --invitation TEXT --http URL",
      "isthmus smqtt enrol --invitation TEXT --request FILE, then isthmus smqtt enrol --answer FILE",
    ],
    groups: [
      { title: "Device", flags: { ...DEVICE_FLAGS, ...COST_FLAGS } },
      { title: "With the authority's file", flags: { ...GRANT_FLAGS, ...AUTHORITY_FLAGS } },
      { title: "With an invitation", flags: ENROL_FLAGS },
      { title: "Connection", flags: BROKER_FLAGS },
    ],
    examples: [
      "isthmus smqtt enrol sensor --publish 'house/#' --keys sensor.smqtt",
      "isthmus smqtt enrol --invitation @invitation.txt -h broker.example",
    ],
    exitCodes: [
      "0 when the device is registered, or its request written",
      "1 for an error",
      "the reason code of a server that refuses the connection",
    ],
  }),
  async run(args, terminal) {
    const { values, operands } = parseArguments(FLAGS, args, "smqtt enrol");
    if (values.answer !== undefined) return complete(values, values.answer, terminal);
    if (values.invitation === undefined) return enrolHere(values, nameOperand(operands), terminal);
    if (operands.length > 0) {
      throw new UsageError(`"${operands.join(" ")}" is too much`, "the invitation says what the device is called");
    }
    return join(values, readInvitation(values.invitation), terminal);
  },
};

/** The authority is here: request and answer need not travel. */
async function enrolHere(values: EnrolValues, name: string, terminal: Terminal): Promise<number> {
  const grant = plannedGrant(values);
  const path = values.keys ?? `${name}.smqtt`;
  const authority = await openAuthority(values, terminal);
  const key = await newDevice(values, path, terminal);
  const identity = createIdentity(secureRandomBytes);
  const membership = await asked(async () =>
    authority.change(async (owner) => {
      const answer = await owner.enrol(name, publicIdentity(identity), grant);
      return Membership.open(answer, identity, owner.signingKey, nodeCrypto);
    }),
  );
  await DeviceKeys.create(path, key, membership.file);
  terminal.stdout.write(`${path}: ${describeMembership(membership)}`);
  return 0;
}

async function join(values: EnrolValues, invitation: string, terminal: Terminal): Promise<number> {
  const path = devicePath(values);
  const key = await newDevice(values, path, terminal);
  const joining = await asked(
    async () =>
      Membership.request(invitation, createIdentity(secureRandomBytes), {
        crypto: nodeCrypto,
        random: secureRandomBytes,
      }),
    "an invitation is a line that begins with smqtt:",
  );
  const finish = async (membership: Membership): Promise<void> => {
    await DeviceKeys.create(path, key, membership.file);
    terminal.stdout.write(`${path}: ${describeMembership(membership)}`);
  };
  if (values.request !== undefined) return writeRequest(values.request, joining, path, key, terminal);
  if (values.http !== undefined) {
    const { http } = values;
    await finish(await asked(async () => enrolOverHttp(http, joining, terminal.signal)));
    return 0;
  }
  return runOnBroker(values, terminal, async (client) => finish(await enrolOver(client, joining)));
}

async function writeRequest(
  file: string,
  joining: Joining,
  path: string,
  key: PassphraseKey,
  terminal: Terminal,
): Promise<number> {
  await DeviceKeys.create(path, key, joining.file);
  await writeFile(file, joining.request);
  terminal.stdout.write(
    `${path} awaits the answer to ${file}\n` +
      `there: isthmus smqtt authority --request ${file} --answer FILE\nhere:  isthmus smqtt enrol --answer FILE --keys ${path}\n`,
  );
  return 0;
}

async function complete(values: EnrolValues, file: string, terminal: Terminal): Promise<number> {
  const answer = new Uint8Array(readInput("--answer", file));
  const keys = await DeviceKeys.open(values, terminal);
  const { identity, authorityKey, nonce } = keys.file;
  const membership = await asked(async () => Membership.open(answer, identity, authorityKey, nodeCrypto, nonce));
  await keys.save(membership.file);
  terminal.stdout.write(`${keys.path}: ${describeMembership(membership)}`);
  return 0;
}

/** The key of a device file that there is not yet. */
async function newDevice(values: EnrolValues, path: string, terminal: Terminal): Promise<PassphraseKey> {
  try {
    readFileSync(path);
  } catch {
    return newDeviceKey(values, path, terminal);
  }
  throw new UsageError(`there is a file ${path} already`, "it is not written over: move it away, or --keys FILE");
}

function readInvitation(given: string): string {
  return given.startsWith("@") ? readInput("--invitation", given.slice(1)).toString("utf8").trim() : given;
}
