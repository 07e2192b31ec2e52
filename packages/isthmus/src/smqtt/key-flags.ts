import type { DeviceGrant } from "@isthmus/smqtt";
import { UsageError } from "../command.js";
import { type FlagTable, type FlagValues, integer, text, texts, toggle } from "../flags.js";

/** The file of a device. */
export const DEVICE_FLAGS = {
  keys: text("--keys", "FILE", "this device's key file (SMQTT_KEYS, or device.smqtt)"),
  passphraseFile: text(
    "--passphrase-file",
    "FILE",
    "its passphrase is the first line of FILE (else SMQTT_PASSPHRASE, else it is asked for)",
  ),
} as const satisfies FlagTable;

/** The file of the authority. */
export const AUTHORITY_FLAGS = {
  authority: text("--authority", "FILE", "the authority's file (SMQTT_AUTHORITY, or authority.smqtt)"),
  authorityPassphraseFile: text(
    "--authority-passphrase-file",
    "FILE",
    "its passphrase is the first line of FILE (else SMQTT_AUTHORITY_PASSPHRASE, else it is asked for)",
  ),
} as const satisfies FlagTable;

/** How dear it is to try passphrases on a new file. */
export const COST_FLAGS = {
  logCost: integer(
    "--scrypt-cost",
    "LOG2",
    "what a passphrase costs to try, as a power of two (17: 128 MiB and half a second; one less is half of both)",
    [10, 20],
  ),
} as const satisfies FlagTable;

/** What a device may do. */
export const GRANT_FLAGS = {
  publish: texts("--publish", "FILTER", "it may publish to topics that match; may be repeated"),
  subscribe: texts("--subscribe", "FILTER", "it may read topics that match; may be repeated"),
  roles: texts("--role", "ROLE", "what it is, for policies: a name, or a number such as floor=3; may be repeated"),
  days: integer("--days", "DAYS", "until its keys expire (30)", [1, 36_500]),
  isForwardOnly: toggle("--forward-only", "it cannot read what was sealed before it joined, such as retained messages"),
} as const satisfies FlagTable;

/** The grant that the flags describe. @throws UsageError when it grants nothing. */
export function plannedGrant({
  publish,
  subscribe,
  roles,
  days,
  isForwardOnly,
}: FlagValues<typeof GRANT_FLAGS>): DeviceGrant {
  if (publish.length === 0 && subscribe.length === 0 && roles.length === 0) {
    throw new UsageError("the device would be allowed nothing", "--publish FILTER, --subscribe FILTER or --role ROLE");
  }
  const attributes = roles.map(parseRole);
  return { publish, subscribe, attributes, isForwardOnly, ...(days !== undefined && { lifetimeDays: days }) };
}

function parseRole(given: string): string | readonly [string, number] {
  const [, name, value] = /^(.+)=(\d{1,3})$/s.exec(given) ?? [];
  if (name === undefined) return given;
  if (Number(value) > 255) throw new UsageError(`--role ${given}: numbers go from 0 to 255`);
  return [name, Number(value)];
}

export function authorityPath({ authority }: FlagValues<typeof AUTHORITY_FLAGS>): string {
  return authority ?? process.env["SMQTT_AUTHORITY"] ?? "authority.smqtt";
}

export function devicePath({ keys }: FlagValues<typeof DEVICE_FLAGS>): string {
  return keys ?? process.env["SMQTT_KEYS"] ?? "device.smqtt";
}
