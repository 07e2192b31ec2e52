import type { Report } from "./measure.ts";

/** One line of the comparison. */
export interface Row {
  readonly scenario: string;
  readonly broker: string;
  readonly report: Report;
}

/** The rows as a Markdown table whose columns line up; `kind` is what is compared: brokers, servers. */
export function formatTable(rows: readonly Row[], kind = "broker"): string {
  const columns = columnsOf(kind);
  const cells = [columns, ...rows.map((row) => cellsOf(row, rows))];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const [head, ...body] = cells.map(
    (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`,
  );
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return `${[head, rule, ...body].join("\n")}\n`;
}

function columnsOf(kind: string): string[] {
  const figures = ["figure", "isthmus is", `per ${kind} core`, `${kind} CPU`, "generator CPU", "resident", "notes"];
  return ["scenario", kind, ...figures];
}

function cellsOf({ scenario, broker, report }: Row, rows: readonly Row[]): string[] {
  const { figure, generator, broker: brokerShare, brokerResidentBytes, details, notes } = report;
  const isAtLeast = notes.some((note) => note.startsWith("generator-bound"));
  const tail = details["p99"] === undefined ? "" : `, p99 ${formatNumber(details["p99"])} µs`;
  return [
    scenario,
    broker,
    figure ? `${isAtLeast ? "≥ " : ""}${formatNumber(figure.value)} ${figure.unit}${tail}` : "-",
    ratioOf({ scenario, broker, report }, rows),
    perCoreOf(report),
    formatPercent(brokerShare?.cpu),
    formatPercent(generator?.cpu),
    brokerResidentBytes === undefined ? "-" : `${formatNumber(brokerResidentBytes / 1e6)} MB`,
    notes.join("; ").replaceAll("|", "\\|").replaceAll(/\s+/g, " ").slice(0, 200),
  ];
}

/** How many times better isthmus is than the row's broker: above 1 isthmus has more of what is good or less of what is not. */
function ratioOf({ scenario, broker, report }: Row, rows: readonly Row[]): string {
  const ours = rows.find((row) => row.scenario === scenario && row.broker === "isthmus")?.report.figure;
  const theirs = report.figure;
  if (broker === "isthmus" || !ours || !theirs) return "";
  const ratio = ours.better === "higher" ? ours.value / theirs.value : theirs.value / ours.value;
  return Number.isFinite(ratio) ? `${formatNumber(ratio)} x` : "-";
}

/** What a whole core of the broker would do, by the processor time that it took: other programs matter less to it. */
function perCoreOf({ figure, broker }: Report): string {
  if (!figure?.unit.endsWith("/s") || broker === undefined || broker.cpu === 0) return "-";
  return formatNumber(figure.value / broker.cpu);
}

function formatPercent(share: number | undefined): string {
  return share === undefined ? "-" : `${Math.round(share * 100)} %`;
}

function formatNumber(value: number): string {
  const decimals = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { maximumFractionDigits: decimals });
}
