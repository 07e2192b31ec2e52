import { createReadStream, createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  defaultDataDirectory,
  ExportError,
  exportStore,
  importStore,
  inspectStore,
  makeStore,
  openExistingStore,
  StoreError,
} from "@isthmus/hub/store";
import { parseArguments } from "../coap/operands.js";
import { type Command, UsageError } from "../command.js";
import { commandGroup } from "../command-group.js";
import { type FlagTable, renderHelp, text, toggle } from "../flags.js";

const DATA_FLAGS = {
  data: text("--data", "DIR", "the store ($XDG_STATE_HOME/isthmus, or ~/.local/state/isthmus)"),
} as const satisfies FlagTable;
const INFO_FLAGS = { json: toggle("--json", "as JSON") } as const satisfies FlagTable;

const EXIT_CODES = ["0 when it is done", "1 when it cannot be done; the message says why"];
const LINES_AT_A_TIME = 256;

const info: Command = {
  help: renderHelp({
    summary: "Tells what is in the store of a hub that is not running.",
    usage: ["isthmus store info [--data DIR] [--json]"],
    groups: [{ title: "Flags", flags: { ...DATA_FLAGS, ...INFO_FLAGS } }],
    examples: ["isthmus store info --data /var/lib/isthmus"],
    exitCodes: EXIT_CODES,
  }),
  async run(args, { stdout }) {
    const { values, operands } = parseArguments({ ...DATA_FLAGS, ...INFO_FLAGS }, args, "store info");
    refuseOperands(operands, "store info");
    const directory = directoryOf(values.data);
    const summary = await explained(() => inspectStore(directory));
    if (values.json) stdout.write(`${JSON.stringify({ directory, ...summary })}\n`);
    else stdout.write(renderInfo(directory, summary));
    return 0;
  },
};

const exportCommand: Command = {
  help: renderHelp({
    summary: "Writes all that the store of a hub that is not running holds, as lines of JSON.",
    usage: ["isthmus store export [--data DIR] [FILE]"],
    groups: [{ title: "Flags", flags: DATA_FLAGS }],
    examples: ["isthmus store export backup.jsonl", "isthmus store export --data /var/lib/isthmus | gzip > backup.gz"],
    exitCodes: EXIT_CODES,
  }),
  async run(args, { stdout }) {
    const { values, operands } = parseArguments(DATA_FLAGS, args, "store export");
    refuseOperands(operands.slice(1), "store export");
    const [file] = operands;
    await explained(async () => {
      const store = await openExistingStore(directoryOf(values.data));
      try {
        const lines = Readable.from(chunks(exportStore(store)));
        if (file === undefined) await pipeline(lines, stdout, { end: false });
        else await pipeline(lines, createWriteStream(file));
      } finally {
        await store.close();
      }
    });
    return 0;
  },
};

const importCommand: Command = {
  help: renderHelp({
    summary: "Makes a store of what `isthmus store export` wrote: all of it, or there is none.",
    usage: ["isthmus store import [--data DIR] [FILE]"],
    groups: [{ title: "Flags", flags: DATA_FLAGS }],
    examples: [
      "isthmus store import backup.jsonl",
      "gunzip -c backup.gz | isthmus store import --data /var/lib/isthmus",
    ],
    exitCodes: EXIT_CODES,
  }),
  async run(args, { stdin, stdout }) {
    const { values, operands } = parseArguments(DATA_FLAGS, args, "store import");
    refuseOperands(operands.slice(1), "store import");
    const [file] = operands;
    const directory = directoryOf(values.data);
    const records = await explained(() =>
      makeStore(directory, async (store) => {
        const input: NodeJS.ReadableStream = file === undefined ? stdin : createReadStream(file);
        const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
        // The lines end without a word when the file cannot be read.
        const failed = new Promise<never>((_, reject) => void input.once("error", reject));
        return Promise.race([importStore(store, lines), failed]);
      }),
    );
    stdout.write(`${records} records are in ${directory} now\n`);
    return 0;
  },
};

/** `isthmus store`: a command of commands. */
export const command = commandGroup("store", "Looks after the store of a hub that is not running.", {
  info: { summary: "tell what is in it", load: async () => ({ command: info }) },
  export: { summary: "write all of it as lines of JSON", load: async () => ({ command: exportCommand }) },
  import: { summary: "make a store of such lines", load: async () => ({ command: importCommand }) },
});

function directoryOf(data: string | undefined): string {
  return data ?? defaultDataDirectory(process.env);
}

function refuseOperands([first]: readonly string[], name: string): void {
  if (first !== undefined) throw new UsageError(`"${first}" is one word too many`, `isthmus ${name} --help`);
}

/** Runs `work`; what the user can do something about is said in words. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreError) throw new UsageError(error.message, "--data DIR names another store");
    if (error instanceof ExportError) throw new UsageError(error.message, "nothing was imported");
    if (isSystemError(error)) throw new UsageError(error.message);
    throw error;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}

/** Some lines at a time: a write for each would take most of the time. */
function* chunks(lines: Iterable<string>): Generator<string, void, undefined> {
  let gathered: string[] = [];
  for (const line of lines) {
    gathered.push(line, "\n");
    if (gathered.length < 2 * LINES_AT_A_TIME) continue;
    yield gathered.join("");
    gathered = [];
  }
  yield gathered.join("");
}

function renderInfo(directory: string, summary: Awaited<ReturnType<typeof inspectStore>>): string {
  const rows = summary.tables.map(
    ({ name, records, valueBytes }) =>
      `${name.padEnd(14)}${grouped(records, 12)} records ${grouped(valueBytes, 15)} bytes\n`,
  );
  return `store         ${directory}
format        ${summary.format}
durability    ${summary.durability ?? "nothing was written yet"}
on the disk   ${grouped(summary.sizeBytes, 0)} bytes

${rows.join("")}`;
}

function grouped(number: number, width: number): string {
  return number.toLocaleString("en").padStart(width);
}
