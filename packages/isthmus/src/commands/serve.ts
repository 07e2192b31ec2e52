import { once } from "node:events";
import { createHub, type Hub } from "@isthmus/hub";
import { openStore, type Store, StoreError } from "@isthmus/hub/store";
import type { Logger } from "pino";
import { type Command, type Terminal, UsageError } from "../command.js";
import { reloadOnHangup } from "../config/reload-on-hangup.js";
import { ServiceNotifier } from "../config/service-notifier.js";
import { parseServeFlags, SERVE_FLAG_GROUPS } from "../config/serve-flags.js";
import { type DataOptions, isConfigured, readSettings, type Settings } from "../config/settings.js";
import { explainStartError } from "../config/start-error.js";
import { renderHelp } from "../flags.js";
import { createLog } from "../log.js";

const EXIT_STORE_FAILED = 2;

const HELP = renderHelp({
  summary:
    "Runs the hub until it is told to stop (Ctrl-C or SIGTERM).\n\n" +
    'When all doors are open it prints a line for each, where data is kept, who can connect, and then "ready".\n' +
    "The log goes to standard error: for people on a terminal, as JSON lines elsewhere.",
  usage: ["isthmus serve [flags]"],
  groups: SERVE_FLAG_GROUPS,
  examples: [
    "isthmus serve",
    "isthmus serve --memory --mqtt-port 0 --http-port off",
    "isthmus serve --config /etc/isthmus/isthmus.yaml --log-level debug",
  ],
  exitCodes: [
    "0  it was told to stop",
    "1  it could not start: the message says why and what to do",
    `${EXIT_STORE_FAILED}  its store has failed: the same; nothing that was acknowledged is lost`,
  ],
});

export const command: Command = {
  help: HELP,
  async run(args, terminal) {
    const flags = parseServeFlags(args);
    const settings = await readSettings(flags, process.env);
    const log = await createLog(settings.log);
    for (const notice of settings.notices) log.warn(notice);
    const hub = await open(settings, log);
    const notifier = new ServiceNotifier(process.env, log);
    const hangup = new AbortController();
    const stopListening = isConfigured(flags, process.env)
      ? reloadOnHangup({ hub, log, flags, settings, notifier })
      : stopOnHangup(hangup);
    announce(hub, settings, terminal);
    notifier.ready(hub.accessSummary);
    const stopping = AbortSignal.any([terminal.signal, hangup.signal]);
    const stopped = stopping.aborted ? undefined : once(stopping, "abort");
    const failure = await Promise.race([hub.failed, Promise.resolve(stopped).then(() => undefined)]);
    stopListening();
    await Promise.all([notifier.stopping(), hub.close()]);
    if (failure === undefined) return 0;
    terminal.stderr.write(`isthmus: ${failure instanceof Error ? failure.message : "the store has failed"}\n`);
    return EXIT_STORE_FAILED;
  },
};

/** Without a configuration there is nothing to read again: the terminal is gone, and the hub with it. */
function stopOnHangup(hangup: AbortController): () => void {
  const handleHangup = (): void => hangup.abort();
  process.once("SIGHUP", handleHangup);
  return () => process.off("SIGHUP", handleHangup);
}

async function open({ hub, data }: Settings, log: Logger): Promise<Hub> {
  const store = data && (await openData(data));
  try {
    return await createHub({ ...hub, log, store });
  } catch (error) {
    await store?.close();
    throw explainStartError(error);
  }
}

async function openData({ directory, durability }: DataOptions): Promise<Store> {
  try {
    return await openStore(directory, { durability });
  } catch (error) {
    if (error instanceof StoreError) throw new UsageError(error.message, "--data DIR, or --memory to keep nothing");
    throw error;
  }
}

function announce(hub: Hub, { data }: Settings, { stdout }: Terminal): void {
  const doors = hub.listeners.map(({ name, type, url }) => [
    name,
    type === "http" ? `${url}  (MQTT over WebSocket at /mqtt)` : url,
  ]);
  const kept = data === undefined ? "in memory" : `${data.directory} (durability ${data.durability})`;
  if (hub.coap !== undefined) doors.push(["coap", hub.coap.url]);
  if (hub.pan !== undefined) doors.push(["pan", hub.pan.url]);
  const lines = [...doors, ["data", kept], ["access", hub.accessSummary]];
  const width = Math.max(...lines.map(([name = ""]) => name.length)) + 2;
  for (const [name = "", text] of lines) stdout.write(`${name.padEnd(width)}${text}\n`);
  stdout.write("ready\n");
}
