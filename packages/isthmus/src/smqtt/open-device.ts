import { type Membership, OPEN_FAILURES, type PlainClient, secure, type SecureClient } from "@isthmus/smqtt";
import { type Terminal, UsageError } from "../command.js";
import type { FlagValues } from "../flags.js";
import { formatTime } from "./describe.js";
import { DeviceKeys, loadCryptography } from "./key-files.js";
import type { DEVICE_FLAGS } from "./key-flags.js";

/** Different refusals that are told; then it is enough. */
const MAX_TOLD = 100;

/** A device that is ready to be connected. */
export interface OpenDevice {
  readonly membership: Membership;
  /** Seals what goes over `client`, and opens what comes. */
  secure(client: PlainClient, options: DeviceOptions): SecureClient;
  /** Resolves when what the authority has said meanwhile is in the device's file. */
  saved(): Promise<void>;
}

export interface DeviceOptions {
  readonly suite?: string | undefined;
  readonly isCountersigned?: boolean;
  readonly isInline?: boolean;
  readonly report: (line: string) => void;
}

/** Opens the device's file. @throws UsageError when it cannot be used, or no more. */
export async function openDevice(values: FlagValues<typeof DEVICE_FLAGS>, terminal: Terminal): Promise<OpenDevice> {
  const keys = await DeviceKeys.open(values, terminal);
  const membership = await keys.membership();
  const { until } = membership.certificate.validity;
  if (until * 1000 <= Date.now()) {
    throw new UsageError(
      `the keys in ${keys.path} were good until ${formatTime(until)}`,
      `isthmus smqtt renew --keys ${keys.path}`,
    );
  }
  const cryptography = await loadCryptography();
  return {
    membership,
    secure: (client, { suite, isCountersigned = false, isInline = false, report }) =>
      secure(client, {
        ...cryptography,
        membership,
        suite: plannedSuite(membership, suite),
        sealing: { countersign: isCountersigned },
        inlineWrap: isInline ? "always" : "retained",
        onRefused: tellOnce(report),
        onMembershipChanged: () => {
          keys.save(membership.file).catch((error: Error) => report(`Warning: ${keys.path}: ${error.message}`));
        },
      }),
    saved: async () => keys.saved(),
  };
}

/** The suite to publish with: the one that is named, else the default if the authority has it, else its first. */
export function plannedSuite({ bundle }: Membership, named: string | undefined): string {
  const names = bundle.suites.map(({ name }) => name);
  if (named === undefined) return names.includes("kp-abe") ? "kp-abe" : (names[0] ?? "kp-abe");
  if (names.includes(named)) return named;
  throw new UsageError(`the authority has not set up the suite "${named}"`, `it has ${names.join(", ")}`);
}

/** Each topic's failures are told once: a stream of messages for others is no stream of warnings. */
function tellOnce(report: (line: string) => void): (failure: keyof typeof OPEN_FAILURES, topic: string) => void {
  const told = new Set<string>();
  return (failure, topic) => {
    // The authority's word and wraps, which a subscription to # gets too.
    if (topic.startsWith("smqtt/")) return;
    const line = `Warning: ${topic}: not opened: ${OPEN_FAILURES[failure]}`;
    if (told.size >= MAX_TOLD || told.has(line)) return;
    told.add(line);
    report(line);
  };
}
