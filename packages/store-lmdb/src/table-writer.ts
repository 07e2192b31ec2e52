import { randomBytes } from "node:crypto";
import { checkFormat, FORMAT, upgrade } from "./format.js";
import { type Frame, readWrites, type StoredWrite } from "./frame.js";
import { DamagedJournalError, readJournal, readJournalFiles } from "./read-journal.js";
import { tableKeyOf } from "./store-key.js";
import { tableOfNumber } from "./table-numbers.js";
import { DamagedRecordError, decodeTableEntry, encodeTableEntry } from "./table-record.js";
import {
  type OpenTables,
  openTables,
  readState,
  type Table,
  type TablesOptions,
  type TablesState,
  toBuffer,
  writeState,
} from "./tables.js";

/** What {@link TableWriter.apply} takes as a sequence when it is to take all. */
export const ALL_FRAMES = Number.MAX_SAFE_INTEGER;

/** Carries the journal over into the tables. */
export class TableWriter {
  readonly #directory: string;
  readonly #tables: OpenTables;

  /** @throws Error of LMDB's or the system's, with its `code`. */
  constructor(options: TablesOptions) {
    this.#directory = options.directory;
    this.#tables = openTables(options, { readOnly: false });
  }

  /**
   * Makes the tables ready for use: checks each record, takes in what the journal has, and begins an epoch.
   *
   * @throws DamagedRecordError, DamagedJournalError, NewerFormatError, or an error of LMDB's.
   */
  prepare(): TablesState {
    const state = readState(this.#tables) ?? this.#begin();
    checkFormat(state.format);
    this.#check();
    return upgrade(this.#tables, this.apply(state.epoch, ALL_FRAMES));
  }

  /**
   * Takes in the frames of `epoch` up to `lastSequence`; with {@link ALL_FRAMES} the next epoch begins. Nothing happens
   * when another one has begun already: the hub that asked was killed, and this comes late.
   */
  apply(epoch: string, lastSequence: number): TablesState {
    return this.#tables.root.transactionSync(() => {
      const state = readState(this.#tables);
      if (state === undefined) throw new DamagedRecordError("the tables do not say what they are");
      if (state.epoch !== epoch) return state;
      const frames = this.#readFrames(state).filter(({ sequence }) => sequence <= lastSequence);
      this.#write(frames);
      const applied = frames.at(-1)?.sequence ?? state.applied;
      if (lastSequence !== ALL_FRAMES && applied < lastSequence) {
        throw new DamagedJournalError(`frame ${applied + 1} is missing`);
      }
      const next = lastSequence === ALL_FRAMES ? { ...state, epoch: newEpoch(), applied: 0 } : { ...state, applied };
      writeState(this.#tables, next);
      return next;
    });
  }

  async close(): Promise<void> {
    await this.#tables.root.close();
  }

  #begin(): TablesState {
    const state = { format: FORMAT, epoch: newEpoch(), applied: 0 };
    const isUsed = readJournalFiles(this.#directory).some(({ length }) => length > 0);
    if (isUsed) throw new DamagedRecordError("there is a journal, but its tables are gone");
    this.#tables.root.transactionSync(() => writeState(this.#tables, state));
    return state;
  }

  #check(): void {
    for (const [name, table] of this.#tables.tableByName) {
      for (const { key, value } of table.getRange({})) {
        try {
          decodeTableEntry(key, value);
        } catch (cause) {
          throw new DamagedRecordError(`in table "${name}" ${String(cause)}`, { cause });
        }
      }
    }
  }

  #readFrames({ epoch, applied }: TablesState): Frame[] {
    return readJournal(readJournalFiles(this.#directory), epoch, applied);
  }

  /** Of each record the last write: what came and went within the frames costs nothing. */
  #write(frames: readonly Frame[]): void {
    const lastWrites = new Map<string, StoredWrite>();
    for (const { body } of frames) {
      for (const write of readWrites(body)) {
        lastWrites.set(`${write.tableNumber}:${toBuffer(write.keyBytes).toString("latin1")}`, write);
      }
    }
    for (const { tableNumber, keyBytes, value } of lastWrites.values()) {
      const table = this.#tableOf(tableNumber);
      if (value === undefined) table.removeSync(toBuffer(tableKeyOf(keyBytes)));
      else {
        const { tableKey, record } = encodeTableEntry(keyBytes, value);
        table.putSync(toBuffer(tableKey), toBuffer(record));
      }
    }
  }

  #tableOf(number: number): Table {
    const name = tableOfNumber(number);
    const table = name === undefined ? undefined : this.#tables.tableByName.get(name);
    if (table === undefined) throw new DamagedJournalError(`there is no table ${number}`);
    return table;
  }
}

/** Not to be guessed: nobody shall have a message taken for a frame. */
function newEpoch(): string {
  return randomBytes(8).toString("hex");
}
