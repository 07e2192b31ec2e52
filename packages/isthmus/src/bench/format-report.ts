import type { ProcessShare } from "./process-usage.js";
import type { ScenarioReport } from "./run-scenario.js";

/** A report as a few lines for people. */
export function formatReport(report: ScenarioReport): string {
  const { scenario, figure, windows, details, generator, broker, brokerResidentBytes, notes } = report;
  const lines = [`${scenario}: ${figure ? `${formatNumber(figure.value)} ${figure.unit}` : "not measured"}`];
  if (windows.length > 1) lines.push(`windows ${windows.map(formatNumber).join("  ")}`);
  const numbers = Object.entries(details).map(([name, value]) => `${name} ${formatNumber(value)}`);
  if (numbers.length > 0) lines.push(numbers.join("  "));
  const usage = [
    ...(generator ? [`generator ${formatShare(generator)}`] : []),
    ...(broker ? [`broker ${formatShare(broker)}`] : []),
    ...(brokerResidentBytes === undefined ? [] : [`broker resident ${formatNumber(brokerResidentBytes / 1e6)} MB`]),
  ];
  if (usage.length > 0) lines.push(usage.join("  "));
  for (const note of notes) lines.push(`! ${note}`);
  return `${lines.join("\n    ")}\n`;
}

/** Three significant digits at least, and no more decimals than they take. */
export function formatNumber(value: number): string {
  const decimals = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { maximumFractionDigits: decimals });
}

function formatShare({ cpu }: ProcessShare): string {
  return `${Math.round(cpu * 100)} % of a core`;
}
