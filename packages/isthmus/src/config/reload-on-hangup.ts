import type { Hub } from "@isthmus/hub";
import type { Logger } from "pino";
import { UsageError } from "../command.js";
import type { ServeFlags } from "./serve-flags.js";
import type { ServiceNotifier } from "./service-notifier.js";
import { readSettings, type Settings } from "./settings.js";
import { explainStartError } from "./start-error.js";

/** What runs, and what it was started with. */
export interface Running {
  readonly hub: Hub;
  readonly log: Logger;
  readonly flags: ServeFlags;
  readonly settings: Settings;
  readonly notifier: ServiceNotifier;
}

/**
 * Reads the configuration again on SIGHUP and takes over what a running hub can; clients stay connected. A
 * configuration that cannot be used changes nothing, and the log says why.
 *
 * @returns what ends it
 */
export function reloadOnHangup(running: Running): () => void {
  let last = Promise.resolve();
  const handleHangup = (): void => {
    last = last.then(() => reload(running));
  };
  process.on("SIGHUP", handleHangup);
  return () => process.off("SIGHUP", handleHangup);
}

async function reload({ hub, log, flags, settings, notifier }: Running): Promise<void> {
  notifier.reloading();
  try {
    const next = await readSettings(flags, process.env);
    const waiting = await hub.reload(next.hub);
    const untilRestart = [...waiting.map(inSnakeCase), ...waitingBeside(settings, next)];
    if (untilRestart.length > 0) log.warn({ settings: untilRestart }, "settings that wait for the next start");
    log.info({ access: hub.accessSummary }, "configuration reloaded");
    log.level = next.log.level;
  } catch (error) {
    log.error({ reason: describe(error) }, "configuration not reloaded: all stays as it was");
  }
  notifier.ready(hub.accessSummary);
}

/** What the hub is not told of, because it is opened before. */
function waitingBeside(before: Settings, next: Settings): string[] {
  const waiting: string[] = [];
  if (before.data?.directory !== next.data?.directory) waiting.push("data");
  if (before.data?.durability !== next.data?.durability) waiting.push("durability");
  if (before.log.format !== next.log.format) waiting.push("log.format");
  return waiting;
}

/** As the configuration file spells it. */
function inSnakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function describe(error: unknown): string {
  const explained = explainStartError(error);
  if (explained instanceof UsageError && explained.hint !== undefined) return `${explained.message}; ${explained.hint}`;
  return explained instanceof Error ? explained.message : String(explained);
}
