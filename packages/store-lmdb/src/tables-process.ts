/*
 * The process that writes the tables: `node tables-process.js DIRECTORY MAP-SIZE`, told what to do by messages.
 *
 * LMDB trusts its file and takes the process down with it when that is damaged. Here it takes down none but this one, and
 * the hub can say what has happened.
 */
import { constants, setPriority } from "node:os";
import { ALL_FRAMES, TableWriter } from "./table-writer.js";
import type { TablesState } from "./tables.js";

export type TablesRequest =
  /** Check the tables, carry over what the journal has, and begin an epoch. */
  | { readonly type: "prepare" }
  /** Carry over the frames up to a sequence; without one all, and begin an epoch. */
  | { readonly type: "apply"; readonly epoch: string; readonly lastSequence: number | undefined };

export type TablesReply =
  | { readonly type: "done"; readonly state: TablesState }
  | {
      readonly type: "failed";
      readonly name: string;
      readonly message: string;
      readonly code: string | number | undefined;
    };

// The hub decides when to stop: Ctrl-C on a terminal and a supervisor's signal reach this process as well.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const [, , directory = "", mapSize = ""] = process.argv;
let writer: TableWriter | undefined;

process.on("message", (request: TablesRequest) => {
  process.send?.(answer(request));
});

// Also when the hub was killed. Nothing is under way, a commit is on the disk when it returns, and the next to open clears
// the lock table; process.exit() was seen to wait for ever for a thread of Node's own.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

function answer(request: TablesRequest): TablesReply {
  try {
    writer ??= new TableWriter({ directory, mapSizeBytes: Number(mapSize) });
    return { type: "done", state: handle(writer, request) };
  } catch (error) {
    const { name, message, code } = error as NodeJS.ErrnoException; // What is thrown here is an Error.
    return { type: "failed", name, message, code };
  }
}

function handle(writer: TableWriter, request: TablesRequest): TablesState {
  switch (request.type) {
    case "prepare":
      return writer.prepare();
    case "apply":
      if (request.lastSequence !== undefined) giveWay();
      return writer.apply(request.epoch, request.lastSequence ?? ALL_FRAMES);
  }
}

/** While the hub works this is in no hurry: where cores are few, the hub goes first. At its start and its end it waits for this. */
function giveWay(): void {
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
}
