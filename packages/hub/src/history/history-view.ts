import { decodeUtf8, Utf8Error } from "@isthmus/bytes";
import type { Message } from "@isthmus/exchange";
import type { HistoryEntry } from "./history.js";

/** A kept message as JSON tells it. */
export interface HistoryView {
  /** Where a reader goes on: `after=NUMBER`. */
  readonly number: number;
  readonly topic: string;
  /** RFC 3339, UTC. */
  readonly publishedAt: string;
  /** The door that it came in by. */
  readonly door: string;
  readonly contentType: string | undefined;
  /** The payload when it is UTF-8 text. */
  readonly payload: string | undefined;
  /** The payload when it is not. */
  readonly payloadBase64: string | undefined;
}

export function viewOf({ number, message }: HistoryEntry): HistoryView {
  const payload = textOf(message);
  return {
    number,
    topic: message.topic,
    publishedAt: new Date(message.publishedAt).toISOString(),
    door: message.origin.door,
    contentType: message.properties?.contentType,
    payload,
    payloadBase64: payload === undefined ? Buffer.from(message.payload).toString("base64") : undefined,
  };
}

const CSV_COLUMNS = ["number", "topic", "publishedAt", "door", "contentType", "payload", "payloadBase64"] as const;

/** The first line of a CSV (RFC 4180). */
export const CSV_HEADER = csvLine(CSV_COLUMNS);

/** A line of a CSV (RFC 4180), with its line break. */
export function csvOf(view: HistoryView): string {
  return csvLine(CSV_COLUMNS.map((column) => String(view[column] ?? "")));
}

function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")}\r\n`;
}

function textOf({ payload }: Message): string | undefined {
  try {
    return decodeUtf8(payload);
  } catch (error) {
    if (error instanceof Utf8Error) return undefined;
    throw error;
  }
}
