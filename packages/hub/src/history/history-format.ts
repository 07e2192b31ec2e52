import { jsonFormOf, type MessageForm } from "../content/message-form.js";
import type { HistoryEntry, HistorySummary } from "./history.js";

/** What a reader of the history gets. */
export interface HistoryPage {
  readonly filter: string;
  readonly entries: readonly HistoryEntry[];
  /** The topics of which something is kept. */
  readonly topics: readonly HistorySummary[];
  /** Where to go on: there is more that was asked for. */
  readonly next: number | undefined;
}

/** A form in which the history can be read. */
export interface HistoryFormat {
  readonly mediaType: string;
  render(page: HistoryPage): string;
}

/** The forms, by the name that `?format=` has for them; the first is the default. */
export const HISTORY_FORMATS: Readonly<Record<string, HistoryFormat>> = {
  json: { mediaType: "application/json", render: renderJson },
  ndjson: { mediaType: "application/x-ndjson", render: renderNdjson },
  csv: { mediaType: "text/csv; charset=utf-8; header=present", render: renderCsv },
};

interface EntryView extends MessageForm {
  readonly number: number;
}

function viewOf({ number, message }: HistoryEntry): EntryView {
  return { number, ...jsonFormOf(message) };
}

/** What a page says of itself: that there is more, and what is gone for good. */
function extentOf({ next, topics }: HistoryPage) {
  const incomplete = topics.filter(({ dropped }) => dropped > 0).map(({ topic, dropped }) => ({ topic, dropped }));
  return {
    isTruncated: next !== undefined,
    ...(next !== undefined && { next }),
    ...(incomplete.length > 0 && { incomplete }),
  };
}

function renderJson(page: HistoryPage): string {
  const { filter, entries } = page;
  return `${JSON.stringify({ filter, ...extentOf(page), messages: entries.map(viewOf) }, undefined, 2)}\n`;
}

/** A message a line; the last line tells of the page itself. */
function renderNdjson(page: HistoryPage): string {
  const lines = [...page.entries.map(viewOf), extentOf(page)];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

const CSV_COLUMNS = ["number", "topic", "publishedAt", "door", "contentType", "payload", "payloadBase64"] as const;

/** RFC 4180. What the page says of itself stands in the headers of the response alone: a CSV has no words for it. */
function renderCsv({ entries }: HistoryPage): string {
  const rows = entries.map(viewOf).map((view) => CSV_COLUMNS.map((column) => textOfCell(view[column])));
  return [CSV_COLUMNS, ...rows].map(csvLine).join("");
}

function textOfCell(value: string | number | Uint8Array | undefined): string {
  return value === undefined || value instanceof Uint8Array ? "" : String(value);
}

function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")}\r\n`;
}
