import { TABLES, type TableName } from "@isthmus/exchange";

/** What stands for a table in a frame of the journal: never changed, never given to another table. */
const NUMBERS = {
  messages: 1,
  queues: 2,
  retained: 3,
  sessions: 4,
  subscriptions: 5,
  inbound: 6,
  wills: 7,
  history: 8,
  registrations: 9,
} as const satisfies Record<TableName, number>;

export function tableNumber(table: TableName): number {
  return NUMBERS[table];
}

/** @returns undefined for the number of a table that this version does not know. */
export function tableOfNumber(number: number): TableName | undefined {
  return TABLES.find((table) => NUMBERS[table] === number);
}
