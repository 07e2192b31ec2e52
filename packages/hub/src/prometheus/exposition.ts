import type { Histogram } from "./histogram.js";

/** One value, with the labels that tell it from the others of its family. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric as Prometheus sees it: one name, one meaning, a value for each combination of labels. */
export type Family =
  | { readonly name: string; readonly help: string; readonly type: "counter" | "gauge"; readonly samples: Sample[] }
  | { readonly name: string; readonly help: string; readonly type: "histogram"; readonly histogram: Histogram };

/** The media type of {@link formatFamilies}. */
export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Writes metrics in the text format of Prometheus, version 0.0.4. */
export function formatFamilies(families: readonly Family[]): string {
  return families.map(formatFamily).join("");
}

function formatFamily(family: Family): string {
  const { name, help, type } = family;
  const lines = type === "histogram" ? histogramLines(name, family.histogram) : sampleLines(name, family.samples);
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function sampleLines(name: string, samples: readonly Sample[]): string[] {
  return samples.map(({ labels, value }) => formatLine(name, labels, value));
}

/** Buckets are cumulative: each counts what is in those below as well. */
function histogramLines(name: string, { bounds, counts, count, sum }: Histogram): string[] {
  let below = 0;
  const lines = bounds.map((bound, at) => {
    below += counts[at] ?? 0;
    return formatLine(`${name}_bucket`, { le: formatValue(bound) }, below);
  });
  const all = formatLine(`${name}_bucket`, { le: "+Inf" }, count);
  return [...lines, all, formatLine(`${name}_sum`, undefined, sum), formatLine(`${name}_count`, undefined, count)];
}

function formatLine(name: string, labels: Sample["labels"] = {}, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${formatValue(value)}\n`;
}

function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
