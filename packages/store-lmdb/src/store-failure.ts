import { getSystemErrorName } from "node:util";
import { StoreError } from "@isthmus/exchange";

/** What an error says of itself, in this process or in another. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number | undefined;
}

const NOTHING_LOST = "nothing that was acknowledged is lost";

/** What to do about an error of the system's; `at` is the directory. */
const ADVICE_BY_CODE: Readonly<Record<string, (at: string) => string>> = {
  ENOSPC: (at) => `the disk of ${at} is full: make room and start again; ${NOTHING_LOST}`,
  EDQUOT: (at) => `the disk quota of ${at} is used up: make room and start again; ${NOTHING_LOST}`,
  EFBIG: (at) => `a file in ${at} may not grow any more: raise the limit (ulimit -f) and start again; ${NOTHING_LOST}`,
  EIO: (at) => `the disk of ${at} reports an error: look at the system's log, and have a backup at hand`,
  EACCES: (at) => `${at} cannot be written: give this user the right to, or choose another directory`,
  EPERM: (at) => `${at} cannot be written: give this user the right to, or choose another directory`,
  EROFS: (at) => `${at} is on a file system that is mounted read-only: choose another directory`,
  ENOTDIR: (at) => `${at} is not a directory: choose another one`,
  EEXIST: (at) => `${at} is not a directory: choose another one`,
  ENOMEM: (at) => `there is not enough memory to map the tables in ${at}`,
};

const DAMAGE_NAMES = new Set(["DamagedRecordError", "DamagedJournalError", "DamagedTablesError"]);
/** What LMDB says when its file is not as it left it. */
const DAMAGE_MESSAGE = /^MDB_(?:CORRUPTED|PAGE_NOTFOUND|PANIC|VERSION_MISMATCH|INVALID|INCOMPATIBLE|BAD_TXN)\b/;

/** The error as whoever runs the hub should read it: what is the matter with the store in `directory`, and what to do. */
export function toStoreError(error: unknown, directory: string): StoreError {
  if (error instanceof StoreError) return error;
  const failure = failureOf(error);
  return new StoreError(explain(failure, directory), { cause: error });
}

function explain(failure: Failure, directory: string): string {
  const { name, message } = failure;
  const advice = ADVICE_BY_CODE[systemCode(failure) ?? ""];
  if (advice !== undefined) return advice(directory);
  if (name === "NewerFormatError") {
    return `${directory} was written by a newer isthmus: ${message}. Run that version, or export there and import here`;
  }
  if (DAMAGE_NAMES.has(name) || DAMAGE_MESSAGE.test(message)) {
    return `the store in ${directory} is damaged: ${message}. It was left as it is: restore a backup, or move it away to begin anew`;
  }
  return `the store in ${directory} has failed: ${message}`;
}

/** LMDB gives the number of a system's error, Node its name. */
function systemCode({ code }: Failure): string | undefined {
  if (typeof code === "number") return code > 0 ? getSystemErrorName(-code) : undefined;
  return code;
}

function failureOf(error: unknown): Failure {
  return error instanceof Error ? error : { name: "Error", message: String(error) };
}
