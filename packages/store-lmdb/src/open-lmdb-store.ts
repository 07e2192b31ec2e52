import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import type { Durability } from "@isthmus/exchange";
import { DirectoryLock } from "./directory-lock.js";
import { checkFormat, FORMAT } from "./format.js";
import { epochOf, FRAME_HEADER_BYTES } from "./frame.js";
import { type JournalFile, openJournalFile } from "./journal-file.js";
import { Journal } from "./journal.js";
import { LmdbStore } from "./lmdb-store.js";
import { closedMarkPath, durabilityPath, journalPaths, tablesPath } from "./paths.js";
import { readJournal, readJournalFiles } from "./read-journal.js";
import { toStoreError } from "./store-failure.js";
import { TableReader } from "./table-reader.js";
import type { TablesState } from "./tables.js";
import { TablesKeeper } from "./tables-keeper.js";

const MEBIBYTE = 1024 * 1024;

export interface LmdbStoreOptions {
  /**
   * What a commit waits for. `sync` (the default): that the disk has it, so that nothing is lost with the power.
   * `interval`: that the system has it, so that nothing is lost with the process; the disk has it a second later.
   * `none`: nothing.
   */
  readonly durability?: Durability | undefined;
  /** Longest time before the disk has what was written with `interval`, in milliseconds. Default 1000. */
  readonly intervalMs?: number | undefined;
  /** Bytes in one of the journal's two files before it is carried over into the tables. Default 16 MiB. */
  readonly journalBytes?: number | undefined;
  /**
   * Address space for the tables to begin with, in bytes. It takes no memory and no room on the disk, and grows when the
   * tables do. Default 1 GiB.
   */
  readonly mapSizeBytes?: number | undefined;
}

/**
 * Opens the store in `directory`, which is made if there is none. After a crash it takes in what the journal has first.
 *
 * @example
 * const store = await openLmdbStore("/var/lib/isthmus");
 * const hub = await createHub({ mqtt: { port: 1883 }, store });
 *
 * @throws StoreError that says what to do: another process has the directory, it cannot be written, the disk is full,
 *   the files are damaged or those of a newer version.
 */
export async function openLmdbStore(directory: string, options: LmdbStoreOptions = {}): Promise<LmdbStore> {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return await open(directory, new DirectoryLock(directory), options);
  } catch (error) {
    throw toStoreError(error, directory);
  }
}

async function open(
  directory: string,
  lock: DirectoryLock,
  {
    durability = "sync",
    intervalMs = 1000,
    journalBytes = 16 * MEBIBYTE,
    mapSizeBytes = 1024 * MEBIBYTE,
  }: LmdbStoreOptions,
): Promise<LmdbStore> {
  const tables = { directory, mapSizeBytes };
  const keeper = new TablesKeeper(tables);
  const reader = new TableReader(tables);
  const release = (): void => {
    keeper.close();
    reader.close();
    lock.release();
  };
  try {
    const { epoch } = readClosedState(directory, reader) ?? (await keeper.prepare());
    const files = openJournalFiles(directory, durability === "sync");
    return new LmdbStore({
      directory,
      format: FORMAT,
      durability,
      reader,
      makeJournal: (owner) =>
        new Journal(files, { durability, epoch, segmentBytes: journalBytes, intervalMs, ...owner }),
      carryOver: (sequence) => keeper.apply(epoch, sequence),
      readJournal: (applied, sequence) =>
        readJournal(readJournalFiles(directory), epoch, applied).filter((frame) => frame.sequence <= sequence),
      begin: () => {
        writeFileSync(durabilityPath(directory), JSON.stringify(durability));
        rmSync(closedMarkPath(directory), { force: true });
      },
      end: () => writeFileSync(closedMarkPath(directory), JSON.stringify(closedMark(directory))),
      release,
    });
  } catch (error) {
    release();
    throw error;
  }
}

/** What the tables say when they were closed in order and nothing has touched them since: they need no check then. */
function readClosedState(directory: string, reader: TableReader): TablesState | undefined {
  if (!existsSync(closedMarkPath(directory)) || !existsSync(tablesPath(directory))) return undefined;
  const mark = readFileSync(closedMarkPath(directory), "utf8");
  if (mark !== JSON.stringify(closedMark(directory))) return undefined;
  const state = reader.readState();
  if (state === undefined) return undefined;
  checkFormat(state.format);
  const isLeftOver = journalPaths(directory).some((file) => existsSync(file) && readEpoch(file) === state.epoch);
  return isLeftOver || state.format !== FORMAT ? undefined : state;
}

/** What changes whenever the tables do, or are replaced. */
function closedMark(directory: string): object {
  const { size, mtimeMs } = statSync(tablesPath(directory));
  return { sizeBytes: size, modifiedMs: mtimeMs };
}

function readEpoch(file: string): string | undefined {
  const descriptor = openSync(file, "r");
  try {
    const header = new Uint8Array(FRAME_HEADER_BYTES);
    return readSync(descriptor, header) < header.length ? undefined : epochOf(header);
  } finally {
    closeSync(descriptor);
  }
}

function openJournalFiles(directory: string, isWrittenThrough: boolean): readonly [JournalFile, JournalFile] {
  const [first, second] = journalPaths(directory);
  const files = [openJournalFile(first, isWrittenThrough), openJournalFile(second, isWrittenThrough)] as const;
  syncDirectory(directory);
  return files;
}

/** The files that were made are found again after a loss of power. Windows has no such call, and no need of it. */
function syncDirectory(directory: string): void {
  if (process.platform === "win32") return;
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
